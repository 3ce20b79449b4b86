"""Sets of many painted people, and networks that know them: training without a model and without a photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from config.schema import Config
from config.training_section import Training
from engines.arrays import Batch
from engines.backends.base import TensorSpec
from engines.backends.fake import FakeEngine
from engines.training.split import split_people
from pipeline.alignment.crop import CropRule
from pipeline.arrays import F32
from pipeline.assemble.recognition import Networks, Recognition
from pipeline.commands.context import Context
from pipeline.commands.training.learners import Limit
from pipeline.commands.training.run_file import TrainingRun
from pipeline.commands.training.running import Asked
from pipeline.embedding.embedder import Embedder
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from tests.commands.evaluations.painted_sets import CROP_PX, PaintedDetector
from tests.commands.painted_import import judge
from tests.commands.painted_photos import make

PEOPLE, PHOTOS = 48, 2
VALIDATION = 0.3
"""of those who are not for the test"""
DIMENSION = 64
BOX = (20, 10, 60, 55)


def painted_embedder() -> FakeEngine:
    """Shots of a person are about 0.28 apart, people about 2: what `PaintedRecogniser` says of a crop's middle."""
    known = PaintedRecogniser(dimension=DIMENSION)

    def embed(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        middles = inputs["crops"][:, CROP_PX // 2, CROP_PX // 2]
        return {"vectors": np.stack([known.vector(int(red), int(green)) for red, green, _ in middles])}

    crops = TensorSpec("crops", ("n", CROP_PX, CROP_PX, 3), "uint8")
    return FakeEngine(embed, (crops,), (TensorSpec("vectors", ("n", DIMENSION)),))


@contextmanager
def painted_recognition(detector: PaintedDetector) -> Iterator[Recognition]:
    """Networks that are open."""
    with painted_embedder() as engine:
        rule = CropRule(CROP_PX, 0.0, 0.0)
        embedder = Embedder(engine, "painted", 16)
        yield Recognition(Networks(detector, detector, embedder, rule, judge, recipe="painted"))


def write_photo(path: Path, *faces: PaintedFace) -> Path:
    """A small PNG of these faces."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), paint(faces, 96, 64)[:, :, ::-1])
    return path


def person(number: int, shot: int = 0, quality: float = 0.8) -> PaintedFace:
    """A shot of the person of this number."""
    return PaintedFace(4 * number + 1, shot, quality, BOX)


def name_of(number: int) -> str:
    return f"Person_{number:02d}"


def write_set(root: Path, people: int = PEOPLE, photos: int = PHOTOS) -> Path:
    """A folder a person, each painted in a colour of its own."""
    for number in range(people):
        for shot in range(photos):
            write_photo(root / name_of(number) / f"{shot}.png", person(number, 40 * shot))
    return root


def of_part(part: str, people: int = PEOPLE) -> list[int]:
    """The numbers of the people who are for this part."""
    split = split_people([name_of(number) for number in range(people)], validation=VALIDATION)
    return [number for number in range(people) if name_of(number) in getattr(split, part)]


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains on painted people, in one data folder."""

    folder: Path
    detector: PaintedDetector
    recognition: Recognition

    @property
    def photos(self) -> Path:
        return self.folder / "people"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def run_folder(self, name: str = "tiny") -> Path:
        return self.data / "training" / name

    def context(self, as_json: bool = True, **keys: Any) -> Context:
        """A context of default configuration, but for small batches."""
        section = Training(**{"people": 4, "photos": 2, "others": 0, "validate_every": 2, **keys})
        config = Config(training=section)
        embedding = config.embedding.model_copy(update={"model": "facenet-20180408"})
        return replace(
            make(self.data, json=as_json), config=config.model_copy(update={"embedding": embedding})
        )

    def asked(self, name: str = "tiny", steps: int | None = 4, **changed: Any) -> Asked:
        """A new run."""
        run = TrainingRun(
            network="tiny",
            dimension=16,
            sets=(str(self.photos),),
            fingerprints=(),
            test=0.5,
            validation=VALIDATION,
            seed=0,
            augmentation="usual",
            min_face_px=32,
            min_quality=0.1,
            same_person_distance=0.45,
            embedder="facenet-20180408",
        )
        return Asked(name, replace(run, **changed), Limit(None, steps), resumed=False)

    def resumed(self, name: str = "tiny", steps: int | None = None) -> Asked:
        """The run that is there."""
        return Asked(name, TrainingRun.read(self.run_folder(name)), Limit(None, steps), resumed=True)


@contextmanager
def opened_trainer(folder: Path) -> Iterator[Trainer]:
    detector = PaintedDetector()
    with painted_recognition(detector) as recognition:
        yield Trainer(folder, detector, recognition)
