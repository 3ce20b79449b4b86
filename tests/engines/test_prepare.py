"""From a name to an engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.backends.choose import choose
from engines.errors import CatalogueError
from engines.prepare import prepare
from engines.zoo.catalogue import Catalogue
from tests.engines.tiny import detector_onnx, own_model

SECOND_RUN = """
import sys
from pathlib import Path
from engines.backends.choose import choose
from engines.prepare import prepare
from engines.zoo.catalogue import read_catalogue
catalogue = read_catalogue(Path(sys.argv[1]))
for name in ("centerface", "facenet-20180408"):
    prepare(name, catalogue, Path(sys.argv[2]), choose()).engine.open()
print("torch" in sys.modules)
"""


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_an_own_model_runs(backend: str, tmp_path: Path) -> None:
    model = own_model(tmp_path / "tiny.onnx", detector_onnx())
    catalogue = Catalogue((model,), tmp_path / "models.yaml")
    choice = choose("torch" if backend == "torch" else "openvino", "fp32")

    prepared = prepare("tiny", catalogue, tmp_path / "models", choice)

    assert prepared.description == model
    assert prepared.engine.info.backend == backend
    assert (prepared.manifest is None) == (backend == "torch")
    with prepared.engine as engine:
        assert engine.infer({"image": np.zeros((1, 16, 16, 3), np.uint8)})["heat"].shape == (1, 1, 8, 8)


def test_what_no_engine_runs(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="mtcnn is reference, which no engine runs"):
        prepare("mtcnn", catalogue, tmp_path, choose("openvino", "fp32"))

    assert list(tmp_path.iterdir()) == []


def test_a_model_for_something_else(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(
        CatalogueError, match="centerface is for detection; for embedding there is: facenet-20180408"
    ):
        prepare("centerface", catalogue, tmp_path, choose("openvino", "fp32"), role="embedding")


@pytest.mark.models
def test_a_second_run_does_without_torch(catalogue: Catalogue, models_dir: Path) -> None:
    for name in ("centerface", "facenet-20180408"):
        prepare(name, catalogue, models_dir, choose())

    second = subprocess.run(
        [sys.executable, "-c", SECOND_RUN, str(catalogue.source), str(models_dir.resolve())],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert second.stdout.split() == ["False"]
