"""What engines are held to: real faces where they are, and painted images, which is said, where they are not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from config.load import load
from config.schema import Config
from engines.backends.choose import choose
from engines.build.built import look_up, recipe_for
from engines.build.network_files import reference_engine
from engines.build.parity_material import SEEDED
from engines.prepare import prepare
from engines.progress import ignore
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch
from pipeline.assemble.parity import how_to_build, lfw_folder, operating_distance

MODEL = "facenet-20180408"


def configured(*assignments: str) -> Config:
    return load(None, {}, assignments)


@pytest.fixture
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESTREAM_TEST_DATA", raising=False)


def test_limits_and_wishes_are_the_configurations(catalogue: Catalogue, tmp_path: Path) -> None:
    config = configured("parity.min_cosine=0.5", "engine.hardware_compatible=true")

    how = how_to_build(config, catalogue, tmp_path)

    assert how.gate.limits.min_cosine == 0.5
    assert how.wishes.hardware_compatible
    assert not how.wishes.version_compatible
    assert how.gate.lfw is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("assignments", "distance"),
    [(("verification.max_distance=0.9",), 0.9), ((), 1.094)],
)
def test_the_operating_distance(assignments: Sequence[str], distance: float, catalogue: Catalogue) -> None:
    assert operating_distance(configured(*assignments), catalogue) == pytest.approx(distance, abs=1e-3)


def test_without_network_images_are_painted(
    catalogue: Catalogue,
    tmp_path: Path,
    without_data: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    how = how_to_build(configured(), catalogue, tmp_path)

    with caplog.at_level(logging.WARNING):
        material = how.gate.material(catalogue.model(MODEL), ignore)

    assert material.name == SEEDED
    assert material.crops.shape[1:] == (160, 160, 3)
    assert "compared on painted images alone, for want of photos" in caplog.text


def test_lfw_only_where_all_of_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESTREAM_TEST_DATA", str(tmp_path))
    (tmp_path / "lfw_view2.tar").touch()
    assert lfw_folder() is None

    (tmp_path / "lfw_pairs.txt").touch()
    assert lfw_folder() == tmp_path

    monkeypatch.setenv("FACESTREAM_TEST_DATA", str(tmp_path / "missing"))
    assert lfw_folder() is None


@pytest.mark.models
@pytest.mark.data
def test_real_faces_are_cut_and_found(catalogue: Catalogue, models_dir: Path, test_data: Path) -> None:
    how = how_to_build(configured(), catalogue, models_dir)
    detector = catalogue.model("centerface")

    crops = how.gate.material(catalogue.model(MODEL), ignore).crops
    material = how.gate.material(detector, ignore)

    assert material.name == "lfw_dev"
    assert len(crops) == 32
    assert len(material.frames) == 10
    assert how.gate.find is not None
    (source,) = fetch(detector, ModelCache(models_dir))
    with reference_engine(detector, source) as engine:
        found = how.gate.find(engine, material.frames[:2])
    assert all(len(each.boxes) for each in found)


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_lfw_through_the_gate(
    catalogue: Catalogue, models_dir: Path, test_data: Path, tmp_path: Path
) -> None:
    for name in ("centerface", MODEL):
        (tmp_path / name).symlink_to((models_dir / name).absolute())
    how = how_to_build(configured(), catalogue, tmp_path, lfw=True)

    manifest = prepare(MODEL, catalogue, tmp_path, choose("openvino"), how=how).manifest

    assert manifest is not None
    assert manifest.parity is not None
    lfw = manifest.parity.lfw
    assert lfw is not None
    assert lfw.pairs == 6000
    assert lfw.reference_accuracy > 0.988
    assert lfw.loss <= 0.001
    recipe = recipe_for(catalogue.model(MODEL), choose("openvino"))
    assert not isinstance(look_up(recipe, tmp_path), str)


@pytest.mark.models
def test_the_demos_photos_are_the_same_every_time(
    catalogue: Catalogue, models_dir: Path, without_data: None
) -> None:
    if not (models_dir / "demo-people" / "obama.jpg").is_file():
        pytest.skip("the demo's photos are not there")
    how = how_to_build(configured(), catalogue, models_dir)

    first, second = (how.gate.material(catalogue.model(MODEL), ignore) for _ in range(2))

    assert first.name == "demo photos"
    assert len(first.crops) > 30
    assert np.array_equal(first.crops, second.crops)
