"""Imports of painted people: networks that know them by their colours, and a gallery to import them into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engines.backends.fake import fake_embedder
from pipeline.alignment.crop import CropRule
from pipeline.arrays import F32, U8
from pipeline.assemble.recognition import Networks, Recognition
from pipeline.capture.people_folder import open_people_folder
from pipeline.commands.import_people import ImportRequest
from pipeline.commands.import_run import run_folder
from pipeline.embedding.embedder import Embedder
from pipeline.gallery.painted import BEST, PaintedFace
from pipeline.gallery.storage.store import Store
from pipeline.types import Faces
from tests.commands.evaluations.painted_sets import CROP_PX, PaintedDetector
from tests.commands.painted_photos import make, write_photo


def judge(crops: U8, faces: Faces) -> F32:
    """Blue is quality."""
    middle = crops.shape[1] // 2
    return np.asarray(crops[:, middle, middle, 2] / BEST, np.float32)


ROOT = Path(__file__).resolve().parents[2]


class Importer:
    """Runs imports into one gallery."""

    def __init__(self, folder: Path, recognition: Recognition, detector: PaintedDetector) -> None:
        self.people = folder / "people"
        self.data = folder / "data"
        self.detector = detector
        self._recognition = recognition

    def photo(self, name: str, *faces: PaintedFace) -> Path:
        return write_photo(self.people / name, *faces)

    def run(self, as_json: bool = True, **options: Any) -> int:
        """Import the folder; `detector.seen` counts the photos of this run that were looked at."""
        self.detector.seen = 0
        context = make(self.data, json=as_json)
        request = ImportRequest(self.people, **options)
        with Store(self.data) as store:
            return run_folder(context, request, open_people_folder(self.people), store, self._recognition)

    def templates(self) -> dict[str, int]:
        with Store(self.data) as store:
            return {one.person.name: one.templates for one in store.people()}


@contextmanager
def opened_importer(folder: Path) -> Iterator[Importer]:
    """Networks that tell painted people by their colours."""
    detector = PaintedDetector()
    with fake_embedder(side_px=CROP_PX, dimension=64) as engine:
        embedder = Embedder(engine, "facenet-20180408-centred", 16)
        rule = CropRule(CROP_PX, 0.0, 0.0)
        networks = Networks(detector, detector, embedder, rule, judge, recipe="painted")
        yield Importer(folder, Recognition(networks), detector)
