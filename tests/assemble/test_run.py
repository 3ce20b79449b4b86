"""What kept descriptions of photos depend on: nothing that decides a vector or its quality may be left out."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from config.load import load
from engines.backends.base import EngineInfo
from engines.backends.fake import FAKE, FakeEngine
from engines.manifest import Manifest, Parity, Recipe
from engines.prepare import Prepared
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.occlusion import WEIGHTS_FILE
from pipeline.alignment.quality import REVISION, quality_recipe
from pipeline.assemble.recognition import CATALOGUE_FILE, networks_of

CATALOGUE = read_catalogue(CATALOGUE_FILE)
MADE_OF = Recipe("a", "0" * 64, "onnx", "openvino", "fp32", 1, {"openvino": "1"})


def prepared(
    name: str, made_of: Recipe | None = MADE_OF, info: EngineInfo = FAKE, **keys: object
) -> Prepared:
    """A model that never runs; `keys` change its description."""
    engine = FakeEngine(lambda given: {}, (), ())
    engine.info = info
    parity = Parity("torch", "painted", 1, 0.0, None, None, None)
    manifest = None if made_of is None else Manifest(made_of, (), (), (), parity)
    return Prepared(CATALOGUE.model(name).model_copy(update=keys), engine, manifest)


def detector(made_of: Recipe | None = MADE_OF, info: EngineInfo = FAKE, **keys: object) -> Prepared:
    return prepared("centerface", made_of, info, **keys)


def embedder(made_of: Recipe | None = MADE_OF, info: EngineInfo = FAKE, **keys: object) -> Prepared:
    return prepared("facenet-20180408", made_of, info, **keys)


DETECTOR, EMBEDDER = detector(), embedder()


def recipe(
    *settings: str,
    detector: Prepared = DETECTOR,
    embedder: Prepared = EMBEDDER,
) -> str:
    return networks_of(load(None, {}, settings), detector, embedder).recipe


def test_the_same_gives_the_same() -> None:
    assert recipe() == recipe(detector=detector(), embedder=embedder()) != ""
    assert recipe("matching.max_fpir=0.1", "embedding.max_batch=3", "detection.input_px=320") == recipe()


def test_whatever_decides_a_vector_or_its_quality_is_in_it(tmp_path: Path) -> None:
    centre = tmp_path / "centre.json"
    centre.write_text(json.dumps({"centre": np.linspace(-0.01, 0.02, 512).tolist()}), "utf-8")
    crop, pixels = CATALOGUE.model("centerface").crop, CATALOGUE.model("facenet-20180408").input
    assert crop is not None
    assert pixels is not None
    moved = crop.model_copy(update={"coefficients": (*crop.coefficients[1:], crop.coefficients[0])})
    files = (CATALOGUE.model("facenet-20180408").files[0].model_copy(update={"sha256": "1" * 64}),)
    gpu = replace(FAKE, device="another processor")
    others = [
        recipe("detection.min_score=0.61"),
        recipe("detection.max_iou=0.31"),
        recipe("alignment.crop=detector"),
        recipe("alignment.margin_fraction=0.2"),
        recipe(detector=detector(replace(MADE_OF, source_sha256="1" * 64))),
        recipe(detector=detector(crop=moved)),
        recipe(detector=detector(info=gpu)),
        recipe(embedder=embedder(replace(MADE_OF, source_sha256="1" * 64))),
        recipe(embedder=embedder(replace(MADE_OF, precision="bf16"))),
        recipe(embedder=embedder(replace(MADE_OF, versions={"openvino": "2"}))),
        recipe(embedder=embedder(None)),
        recipe(embedder=embedder(None, files=files)),
        recipe(embedder=embedder(info=gpu)),
        recipe(embedder=embedder(input=pixels.model_copy(update={"mean": (0.0, 0.0, 0.0)}))),
        recipe(embedder=embedder(input=pixels.model_copy(update={"colour": "bgr"}))),
        recipe(embedder=embedder(centre=None)),
        recipe(embedder=embedder(centre=centre)),
    ]
    assert len({recipe(), *others}) == 1 + len(others)
    assert repr(quality_recipe()) in recipe()


def test_a_judgement_depends_on_its_curves_and_the_weights_that_ship() -> None:
    assert quality_recipe() == f"{REVISION} {sha256(WEIGHTS_FILE.read_bytes()).hexdigest()}"
