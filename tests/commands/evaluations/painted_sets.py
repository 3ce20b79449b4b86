"""Data sets of painted people, and networks that know them by their colours: evaluations without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engines.backends.fake import fake_embedder
from pipeline.alignment.crop import CropRule
from pipeline.arrays import F32, U8
from pipeline.assemble.recognition import Networks, Recognition
from pipeline.embedding.embedder import Embedder
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser
from pipeline.types import Faces
from tests.commands.painted_photos import write_photo

CROP_PX = 32
PEOPLE = ("Ann", "Bo", "Cy", "Di")


class PaintedDetector:
    """Finds painted faces, and counts the photos it has seen."""

    name = "painted"

    def __init__(self) -> None:
        self.seen = 0

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Implements `pipeline.detection.stage.Detector`."""
        self.seen += len(images)
        return [PaintedRecogniser().detect(image) for image in images]


def judge(crops: U8, faces: Faces) -> F32:
    """Everything is good."""
    return np.ones(len(faces), np.float32)


@contextmanager
def painted_recognition(detector: PaintedDetector, recipe: str = "painted") -> Iterator[Recognition]:
    """Networks that are open; vectors are kept where there is a recipe."""
    with fake_embedder(side_px=CROP_PX, dimension=64) as engine:
        embedder = Embedder(engine, "painted", 16)
        yield Recognition(
            Networks(detector, detector, embedder, CropRule(CROP_PX, 0.0, 0.0), judge, recipe=recipe)
        )


def write_people(root: Path, photos: int = 3) -> Path:
    """Photos PERSON/PERSON_0001.png and on, a colour a person."""
    for number, person in enumerate(PEOPLE):
        for shot in range(photos):
            face = PaintedFace(person=16 + 32 * number, shot=8 * shot)
            write_photo(root / person / f"{person}_{shot + 1:04d}.png", face)
    return root


def write_pairs(path: Path, folds: int = 2) -> Path:
    """In each fold two pairs of one person and two of two people."""
    fold = "Ann\t1\t2\nBo\t2\t3\nAnn\t1\tBo\t2\nCy\t1\tDi\t3\n"
    path.write_text(f"{folds}\t2\n{fold * folds}", "utf-8")
    return path
