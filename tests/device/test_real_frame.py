"""Real faces through the whole GPU path, on a fake GPU with the real networks: what the CPU path gives."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from engines.backends.base import Engine
from engines.backends.choose import choose
from engines.backends.cuda.surface import Colour, Layout, Surface
from engines.prepare import prepare
from engines.zoo.catalogue import Catalogue
from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut
from pipeline.arrays import F32, U8
from pipeline.capture.rgb import RgbConverter
from pipeline.detection.centerface import CenterFace
from pipeline.detection.letterbox import place
from pipeline.detection.look import Look
from pipeline.detection.on_device import DeviceDetector
from pipeline.device.pixels import DeviceFramePixels
from pipeline.device.shared import SharedGpu
from pipeline.embedding.embedder import Embedder
from pipeline.embedding.on_device import DeviceEmbedder
from pipeline.pixels import HostPixels, Pixels
from pipeline.types import Faces
from tests.fake_gpus import fake_gpu, on_gpu

pytestmark = [pytest.mark.models, pytest.mark.data]

RULE = CropRule(size_px=160, margin_px=0.0, margin_fraction=0.14)
AT_S = 8.0
"""of the recording: several faces"""


@dataclass(frozen=True, slots=True)
class Engines:
    """Both networks, closed."""

    detector: Engine
    embedder: Engine


@pytest.fixture(scope="module")
def engines(catalogue: Catalogue, models_dir: Path) -> Engines:
    names = ("centerface", "facenet-20180408")
    return Engines(*(prepare(name, catalogue, models_dir, choose()).engine for name in names))


@pytest.fixture(scope="module")
def decoded(videos: Path) -> av.VideoFrame:
    """A frame of a real recording, as the decoder gives it."""
    with av.open(str(videos / "hamilton_640x360.mp4")) as container:
        return next(frame for frame in container.decode(video=0) if frame.time and frame.time >= AT_S)


def by_gpu(engines: Engines, gpu: SharedGpu, pixels: Pixels) -> tuple[Faces, F32]:
    """Faces and vectors by way of the device."""
    with ExitStack() as open_until:
        seeing = open_until.enter_context(on_gpu(engines.detector, gpu))
        knowing = open_until.enter_context(on_gpu(engines.embedder, gpu))
        detector, cut = DeviceDetector(seeing, gpu, low_score=0.5, max_iou=0.3), DeviceCut(RULE, gpu)
        embedder = DeviceEmbedder(knowing, gpu, "facenet", max_batch=16)
        for part in (detector, cut, embedder):
            open_until.callback(part.close)
        (faces,) = detector.look([look(pixels)])
        return faces, embedder.embed_pixels([cut(pixels, faces)])


def look(pixels: Pixels) -> Look:
    height, width, _ = pixels.shape
    return Look(pixels, place(width, height, 480, 32))


def by_cpu(engines: Engines, image: U8) -> tuple[Faces, F32]:
    """Faces and vectors by way of the processor."""
    with engines.detector as detector, engines.embedder as embedder:
        (faces,) = CenterFace(detector, 480, low_score=0.5, max_iou=0.3).look([look(HostPixels(image))])
        return faces, Embedder(embedder, "facenet", 16).embed(RULE.crops(image, faces))


def test_a_frame_of_the_host_gives_the_same_faces_and_vectors(
    engines: Engines, decoded: av.VideoFrame
) -> None:
    image = RgbConverter().convert(decoded)
    with fake_gpu() as gpu:
        faces, vectors = by_gpu(engines, gpu, HostPixels(image))
        crossed = gpu.bus.crossed

    wanted_faces, wanted = by_cpu(engines, image)
    assert len(wanted) >= 1
    np.testing.assert_array_equal(faces.boxes, wanted_faces.boxes)
    np.testing.assert_array_equal(faces.landmarks, wanted_faces.landmarks)
    np.testing.assert_array_equal(vectors, wanted)
    assert crossed.up_bytes == image.nbytes
    assert crossed.down_copies == 1  # the candidates


def test_a_frame_decoded_to_nv12_gives_the_same(engines: Engines, decoded: av.VideoFrame) -> None:
    nv12 = np.asarray(decoded.reformat(format="nv12").to_ndarray(), np.uint8)  # (H * 3 / 2, W)
    height, width = decoded.height, decoded.width
    with fake_gpu() as gpu:
        with gpu.driver.current():
            lease = gpu.pool.take(nv12.nbytes)
            gpu.bus.up(nv12, lease.pointer)
        chroma = lease.pointer + height * width
        colour = Colour.BT601_LIMITED if decoded.colorspace != 1 else Colour.BT709_LIMITED
        surface = Surface(lease.pointer, width, height, width, Layout.NV12, chroma, colour, owner=lease)
        faces, vectors = by_gpu(engines, gpu, DeviceFramePixels(surface, gpu.frames.fetch))
        del lease, surface

    wanted_faces, wanted = by_cpu(engines, RgbConverter().convert(decoded))
    np.testing.assert_array_equal(faces.boxes, wanted_faces.boxes)
    np.testing.assert_array_equal(vectors, wanted)
