"""What is there of each model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from engines.backends.choose import choose
from engines.prepare import prepare
from engines.states import ModelState, model_states
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch
from tests.engines.tiny import detector_onnx, own_model


def test_from_missing_to_built(tmp_path: Path) -> None:
    model = own_model(tmp_path / "tiny.onnx", detector_onnx())
    catalogue, models = Catalogue((model,), tmp_path / "models.yaml"), tmp_path / "models"
    choice = choose("openvino", "fp32")

    def state() -> ModelState:
        return model_states(catalogue, models, choice)[0]

    assert (state().state, state().size_bytes) == ("missing", 0)
    assert not models.exists()

    (path,) = fetch(model, ModelCache(models))
    assert (state().state, state().size_bytes) == ("verified", len(detector_onnx()))

    os.utime(path, ns=(1, 1))
    assert state().state == "fetched"

    prepare("tiny", catalogue, models, choice)
    assert state().state == "built"
    assert state().path.parent == models / "built"
    assert state().manifest is not None
    assert state().size_bytes > len(detector_onnx())

    path.write_bytes(b"")
    assert state().state == "fetched"


def test_an_int8_file_that_is_gone_is_said_of_its_model(tmp_path: Path) -> None:
    model = own_model(tmp_path / "tiny.onnx", detector_onnx())
    model = model.model_copy(update={"int8": tmp_path / "gone.npz"})
    fetch(model, ModelCache(tmp_path / "models"))
    choice = replace(choose("openvino", "fp32"), precision="int8")

    (state,) = model_states(Catalogue((model,), tmp_path / "models.yaml"), tmp_path / "models", choice)

    assert state.state == "verified"
    assert "gone.npz cannot be read" in state.outdated
