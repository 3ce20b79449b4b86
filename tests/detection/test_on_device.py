"""The detector on a GPU finds what the one of the processor finds with the same engine, and moves little."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from engines.arrays import F32, Batch
from engines.backends.base import Engine
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.engine_base import EngineBase
from engines.backends.fake import FakeEngine
from engines.backends.tensorrt import TensorrtEngine
from pipeline.arrays import U8
from pipeline.detection.centerface import CenterFace
from pipeline.detection.letterbox import place
from pipeline.detection.look import Look, Patch
from pipeline.detection.on_device import CAPACITY, DeviceDetector
from pipeline.device.engine import DeviceEngine, LeavesOutputs
from pipeline.pixels import HostPixels, LazyPixels
from pipeline.types import Faces
from tests.detection.maps import INPUTS, OUTPUTS
from tests.fake_gpus import fake_gpu, on_gpu, picture


class OutputsToHost(EngineBase):
    """An engine on a GPU whose outputs all come to the host; opened and closed by others."""

    def __init__(self, engine: TensorrtEngine) -> None:
        super().__init__("host", engine.inputs, engine.outputs, engine.info)
        self._engine = engine

    def infer_device(self, inputs: Mapping[str, DeviceArray]) -> dict[str, F32]:
        return self._engine.infer_device(inputs)

    def _load(self) -> None:
        """It is."""

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        return self._engine.infer(inputs)

    def _unload(self) -> None:
        """Others do."""


def bright_spots(brighter: float) -> FakeEngine:
    """A network that sees a face wherever 4 x 4 pixels are bright, of a size and place that their colours tell."""

    def answer(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        n, h, w, _ = inputs["image"].shape
        cells = inputs["image"].reshape(n, h // 4, 4, w // 4, 4, 3).mean((2, 4), dtype=np.float64) / 255.0
        red, green, blue = np.moveaxis(cells, -1, 0)
        maps = {
            "heat": np.where(red > brighter, red, 0.0)[:, None],
            "scale": np.stack([1 + green, 1 + blue], 1),
            "offset": np.stack([green - 0.5, blue - 0.5], 1),
            "landmarks": np.stack([red * row / 10 for row in range(10)], 1),
        }
        return {name: value.astype(np.float32) for name, value in maps.items()}

    return FakeEngine(answer, INPUTS, OUTPUTS)


def whole(image: U8, longer_px: int = 128) -> Look:
    return Look(HostPixels(image), place(image.shape[1], image.shape[0], longer_px, 32))


def assert_same(found: list[Faces], wanted: list[Faces]) -> None:
    assert sum(map(len, wanted))  # or the test shows nothing
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours.boxes, theirs.boxes)
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def on_host(engine: Engine, looks: list[Look]) -> list[Faces]:
    return CenterFace(engine, 128, low_score=0.5, max_iou=0.3).look(looks)


@pytest.mark.parametrize("stays", [True, False])
def test_faces_are_those_of_the_processor(stays: bool) -> None:
    looks = [
        whole(picture(90 + 10 * row, 170, row)) for row in range(5)
    ]  # two shapes of the input, more than a batch
    with fake_gpu() as gpu, on_gpu(bright_spots(0.62), gpu) as engine:
        asked: DeviceEngine = engine if stays else OutputsToHost(engine)
        assert isinstance(asked, LeavesOutputs) == stays
        detector = DeviceDetector(asked, gpu, low_score=0.5, max_iou=0.3, max_batch=2)

        assert_same(detector.look(looks), on_host(engine, looks))
        assert detector.overflows == 0
        detector.close()


def test_more_frames_than_the_engine_takes_at_once_go_through_in_parts() -> None:
    looks = [whole(picture(90, 170, row)) for row in range(5)]
    with fake_gpu() as gpu, on_gpu(bright_spots(0.62), gpu, most=2) as engine:
        detector = DeviceDetector(engine, gpu, low_score=0.5, max_iou=0.3, max_batch=4)

        assert_same(detector.look(looks), on_host(engine, looks))
        detector.close()


def test_patches_lie_where_the_processor_puts_them() -> None:
    image = picture(120, 160)
    placed = place(160, 120, 128, 32)
    patches = (
        Patch(32, 32, 64, 64, 0, 0),
        Patch(96, 64, 64, 64, 64, 0),
    )  # the second reaches beyond the frame
    looks = [Look(HostPixels(image), placed, patches, canvas=(64, 128)), whole(picture(64, 128), 128)]
    with fake_gpu() as gpu, on_gpu(bright_spots(0.55), gpu) as engine:
        detector = DeviceDetector(engine, gpu, low_score=0.5, max_iou=0.3)

        assert_same(detector.look(looks), on_host(engine, looks))
        detector.close()


def test_only_candidates_come_back() -> None:
    image = np.zeros((128, 128, 3), np.uint8)
    image[32:36, 64:68] = 200
    with fake_gpu() as gpu, on_gpu(bright_spots(0.6), gpu) as engine:
        detector = DeviceDetector(engine, gpu, low_score=0.5, max_iou=0.3)

        (found,) = detector.look([whole(image)])

        assert len(found) == 1
        assert gpu.bus.crossed.up_bytes == image.nbytes
        assert gpu.bus.crossed.down_bytes == 4 + CAPACITY * 16 * 4
        detector.close()


def test_more_candidates_than_room_bring_the_maps_whole() -> None:
    looks = [whole(np.maximum(picture(256, 256, row), 140), 256) for row in range(2)]
    with fake_gpu() as gpu, on_gpu(bright_spots(0.5), gpu) as engine:
        detector = DeviceDetector(engine, gpu, low_score=0.5, max_iou=0.3)

        found = detector.look(looks)

        assert detector.overflows == 2
        assert_same(found, on_host(engine, looks))
        detector.close()


def test_a_frame_that_is_looked_at_twice_crosses_once() -> None:
    image = picture(90, 170)
    frame = LazyPixels(image.shape, lambda: image)
    look = Look(frame, place(170, 90, 128, 32))
    with fake_gpu() as gpu, on_gpu(bright_spots(0.6), gpu) as engine:
        detector = DeviceDetector(engine, gpu, low_score=0.5, max_iou=0.3)
        for _ in range(3):
            detector.look([look])
        assert gpu.bus.crossed.up_bytes == image.nbytes
        detector.close()
