"""The photos of a data set as the benchmarks go through them, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.arrays import U8
from pipeline.capture.photo_set import open_photo_set
from pipeline.errors import SourceError
from pipeline.gallery.recogniser import central_face
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture of one person."""

    name: str
    """its place below the set's root: Ann_Lee/Ann_Lee_0003.jpg"""
    person: str
    image: U8
    """(H, W, 3) RGB"""


def photos_in(source: Path) -> Iterator[Photo]:
    """The photos of a folder or tar archive. Raises SourceError, also for the first that cannot be read."""
    for entry, image in open_photo_set(source).photos():
        if isinstance(image, SourceError):
            raise image
        yield Photo(entry.name, entry.person, image)


def face_meant(faces: Faces, image: U8) -> Faces:
    """The face that a photo (H, W, 3) is of, (1,); none where there is none."""
    if not len(faces):
        return faces
    return faces.take(np.array([central_face(faces, image.shape[1], image.shape[0])]))
