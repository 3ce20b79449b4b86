"""Clips of coloured rectangles, photos of them, and networks that know people by colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from config.schema import Config
from engines.backends.fake import fake_embedder
from engines.preprocess import Standardise
from pipeline.alignment.crop import CropRule
from pipeline.arrays import F32, U8
from pipeline.assemble import Networks, Recognition
from pipeline.capture.synthetic import Colour, SyntheticScene, SyntheticSource
from pipeline.embedding.embedder import Embedder
from pipeline.types import Faces

ANN, BOB, CID = (208, 48, 48), (48, 208, 48), (48, 48, 208)
CROP_PX = 16
CONFIG = Config.model_validate(
    {
        "detection": {"rate_hz": 12.5, "min_face_px": 20},
        "matching": {"max_distance": 0.9},
        "verification": {"max_distance": 1.0},
        "enrolment": {"min_face_px": 20, "min_quality": 0.0},  # flat colours are not sharp
    }
)


class ColourDetector:
    """Finds Ann, Bob and Cid by their colours, and counts the pictures that it was shown."""

    name = "colours"

    def __init__(self) -> None:
        self.pictures = 0

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        self.pictures += len(images)
        return [self._find(image) for image in images]

    def _find(self, image: U8) -> Faces:
        boxes = []
        for colour in (ANN, BOB, CID):
            ys, xs = np.nonzero(np.all(image == np.array(colour, np.uint8), axis=2))
            if len(ys):
                boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        found = np.array(boxes, np.float32).reshape(-1, 4)
        landmarks = np.repeat(found.reshape(-1, 2, 2).mean(1, keepdims=True), 5, axis=1)
        return Faces(found, landmarks, np.ones(len(found), np.float32))


def judge(crops: U8, faces: Faces) -> F32:
    return np.full(len(faces), 0.8, np.float32)


def colour_recognition(detector: ColourDetector) -> Recognition:
    """Networks whose vectors (64,) tell colours apart: two people are about 2 from each other."""
    engine = fake_embedder(side_px=CROP_PX, dimension=64)
    engine.open()
    embedder = Embedder(engine, Standardise(), "painted", max_batch=4)
    return Recognition(Networks(detector, detector, embedder, CropRule(CROP_PX, 0, 0), judge))


def write_clip(path: Path, scene: SyntheticScene) -> None:
    """The scene as a recording whose pixels are kept to the bit."""
    source = SyntheticSource(scene, "clip")
    source.open()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(scene.rate_hz))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "bgr0"
        for frame in source.frames():
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.pixels.to_host()), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def write_photos(folder: Path, colours: Mapping[str, Colour]) -> None:
    """A PNG each of one face of this colour."""
    for name, colour in colours.items():
        picture = np.zeros((120, 120, 3), np.uint8)
        picture[30:90, 30:90] = colour
        assert cv2.imwrite(str(folder / name), picture[:, :, ::-1])
