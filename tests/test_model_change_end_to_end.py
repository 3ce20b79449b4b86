"""A monitor as an operator runs it, whose gallery is switched to another model while it watches."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipeline.capture.file import FileSource
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.engines.tiny import sha256
from tests.monitor_process import MonitorProcess, monitors

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.redis]

NEW = "tiny-32"
LIMIT = ("--set", "matching.max_distance=0.9")
"""the tiny model has no statistics of strangers"""
ENTRY = """
tiny-32:
  role: embedding
  model_id: tiny-32
  network: onnx
  licence: none
  terms: made by a test
  path: tiny-32.onnx
  files:
    - {{name: tiny-32.onnx, sha256: {sha256}, bytes: {size}}}
  input: {{side_px: 32, colour: rgb, mean: 127.5, scale: 0.0078125}}
  dimension: 192
"""


def tiny_onnx() -> bytes:
    """Crops (N, 3, 32, 32) to vectors (N, 192): what the face looks like from afar, enough to tell clips' people."""
    nodes = [
        helper.make_node("AveragePool", ["crops"], ["a"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["a"], ["vectors"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, 32, 32])]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", 192])]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, outputs),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=7,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def models(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's models, as they are, and a second embedder beside them."""
    folder = tmp_path / "models"
    (folder / "built").mkdir(parents=True)
    for there in (*models_dir.resolve().iterdir(), *(models_dir.resolve() / "built").iterdir()):
        target = folder / there.relative_to(models_dir.resolve())
        if there.is_dir() and there.name != "built":
            target.symlink_to(there)
    data = tiny_onnx()
    (folder / "tiny-32.onnx").write_bytes(data)
    (folder / "own.yaml").write_text(ENTRY.format(sha256=sha256(data), size=len(data)))
    monkeypatch.setenv("FACESTREAM_MODELS", str(folder))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def photo(videos: Path, tmp_path: Path) -> Path:
    """A frame of the recording, so that a model that knows little knows its face again."""
    source = FileSource(videos / "hamilton_640x360.mp4", "stage")
    source.open()
    pixels: Any = next(one.pixels.to_host() for one in source.frames() if one.info.index == 120)
    source.close()
    path = tmp_path / "lin.png"
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, ::-1]))
    return path


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., MonitorProcess]]:
    with monitors(data) as begin:
        yield begin


def enroll(photo: Path, data: Path, *more: str) -> None:
    assert main(["enroll", "Lin", str(photo), "--largest", "--data", str(data), *more]) == 0


def embedders(monitor: MonitorProcess) -> list[str]:
    return [event["models"]["embedder"] for event in monitor.events()]


def check_sightings(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Every sighting is whole, and its model never goes back; its models by sighting_id."""
    told = defaultdict(list)
    for event in events:
        told[event["sighting_id"]].append(event)
    for sighting in told.values():
        assert [one["seq"] for one in sighting] == list(range(1, len(sighting) + 1))
        assert (sighting[0]["type"], sighting[-1]["type"]) == ("new", "end")
        models = [one["models"]["embedder"] for one in sighting]
        assert sum(a != b for a, b in pairwise(models)) <= 1
    return {key: [one["models"]["embedder"] for one in sighting] for key, sighting in told.items()}


def names(monitor: MonitorProcess, model_id: str) -> set[str]:
    """Who was named by events of this model."""
    by_model = [each for each in monitor.events() if each["models"]["embedder"] == model_id]
    return {event["identity"]["name"] for event in by_model if event["identity"] is not None}


def test_the_model_is_changed_while_a_monitor_watches(
    models: Path, data: Path, photo: Path, videos: Path, start: Callable[..., MonitorProcess]
) -> None:
    enroll(photo, data)
    enroll(photo, data, *LIMIT, "--set", f"embedding.model={NEW}")
    assert main(["cameras", "add", "stage", str(videos / "hamilton_640x360.mp4"), "--data", str(data)]) == 0
    monitor = start(*LIMIT)
    with monitor.client() as client:
        monitor.wait_for(lambda: "Lin" in names(monitor, "facenet-20180408-centred"))
        with Store(data) as store:
            store.serve(NEW, NEW)
        monitor.wait_for(lambda: "Lin" in names(monitor, NEW))
        status = client.status()
        assert status.problem is None
        assert status.model is not None
        assert (status.model.name, status.model.model_id, status.model.left_behind) == (NEW, NEW, 0)
        assert status.model.since is not None
        (stage,) = status.cameras
        assert (stage.reconnects, stage.lost) == (0, 0)
        assert all(one.restarts == 0 for one in status.stages)
        page = httpx.get(f"{client.found.address}/metrics").text
        assert f'model="{NEW}"' in page
        assert "facestream_gallery_left_behind_people 0.0" in page
        monitor.wait_for(lambda: "the engine of facenet-20180408 is closed" in monitor.err.read_text())
        # And back, as the gallery says.
        with Store(data) as store:
            store.serve("facenet-20180408", "facenet-20180408-centred")
        monitor.wait_for(lambda: embedders(monitor)[-1] == "facenet-20180408-centred")
    assert monitor.end() == 0
    check_sightings(monitor.events())


@pytest.mark.slow
def test_whoever_is_left_behind_is_still_found_by_cameras_replays_and_photos(
    models: Path,
    data: Path,
    photo: Path,
    videos: Path,
    start: Callable[..., MonitorProcess],
    capsys: pytest.CaptureFixture[str],
) -> None:
    enroll(photo, data)
    with Store(data) as store:
        store.serve(NEW, NEW)
    recording = str(videos / "hamilton_640x360.mp4")

    def answer(*arguments: str) -> str:
        capsys.readouterr()
        assert main([*arguments, "--json", "--data", str(data), *LIMIT]) == 0
        return capsys.readouterr().out

    first = answer("replay", recording)
    told = [json.loads(line) for line in first.splitlines()]
    assert {one["models"]["embedder"] for one in told} == {NEW}
    assert "Lin" in {one["identity"]["name"] for one in told if one["identity"] is not None}
    assert answer("replay", recording) == first

    (face,) = [json.loads(line) for line in answer("identify", str(photo)).splitlines()]
    (found,) = [each for each in face["faces"] if each["identity"] is not None]
    assert (found["identity"]["name"], found["distance"] < 0.1) == ("Lin", True)

    assert main(["cameras", "add", "stage", recording, "--data", str(data)]) == 0
    monitor = start(*LIMIT)
    with monitor.client() as client:
        monitor.wait_for(lambda: "Lin" in names(monitor, NEW))
        status = client.status()
        assert status.model is not None
        assert (status.model.name, status.model.older, status.model.left_behind) == (
            NEW,
            "facenet-20180408",
            1,
        )
        enroll(photo, data, *LIMIT)
        monitor.wait_for(lambda: (now := client.status().model) is not None and now.left_behind == 0)
        monitor.wait_for(lambda: "nobody is left behind any more" in monitor.err.read_text())
    assert monitor.end() == 0
    check_sightings(monitor.events())
