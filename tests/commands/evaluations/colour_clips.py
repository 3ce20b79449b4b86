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
from pipeline.arrays import U8
from pipeline.capture.synthetic import Colour, SyntheticScene, SyntheticSource
from pipeline.types import Faces
from tests.colour_people import ColourDetector

ANN, BOB, CID = (208, 48, 48), (48, 208, 48), (48, 48, 208)
CONFIG = Config.model_validate(
    {
        "detection": {"rate_hz": 12.5, "min_face_px": 20},
        "matching": {"max_distance": 0.9},
        "verification": {"max_distance": 1.0},
        "enrolment": {"min_face_px": 20, "min_quality": 0.0},  # flat colours are not sharp
    }
)


class CountingDetector(ColourDetector):
    """Finds Ann, Bob and Cid, and counts the pictures that it was shown."""

    def __init__(self) -> None:
        super().__init__((ANN, BOB, CID))
        self.pictures = 0

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        self.pictures += len(images)
        return super().detect(images)


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
