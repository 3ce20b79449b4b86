"""The whole pipeline on recordings, as `replay` runs it, with what it followed written down beside it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks._face_frames import MIN_SCORE
from config.schema import Config
from engines.backends.choose import choose
from engines.prepare import prepare
from engines.progress import ignore
from engines.zoo.catalogue import read_catalogue
from pipeline.arrays import F32
from pipeline.assemble.gallery import load_gallery, open_store
from pipeline.assemble.recognition import CATALOGUE_FILE, Recognition, engine_choice, open_recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.capture.file import FileSource
from pipeline.commands.thresholds import naming
from pipeline.detection.centerface import CenterFace
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.storage.records import NewPerson, NewTemplate
from pipeline.matching.stage import Search
from pipeline.runtime.measuring.metrics import MetricsSummary
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Tracked

PEOPLE = 10
"""in the gallery, drawn at random: every face is searched and nobody is there, so that none is spared a re-check"""

MAX_IOU = 0.3
"""non-maximum suppression, as published with CenterFace"""


class Followed(WorkerHook):
    """The boxes of the tracks that count in each frame, found or predicted; written by the tracking worker alone."""

    def __init__(self) -> None:
        self.boxes: dict[str, list[F32]] = {}
        """camera -> a frame's (N, 4)"""

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        for result in results:
            if isinstance(result, Tracked):
                self.boxes.setdefault(result.frame.info.camera, []).append(result.faces.boxes)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a run did."""

    summary: MetricsSummary
    cpu_s: float
    """processor time of all threads, from the first frame's decoding to the last thread's end"""
    boxes: tuple[tuple[F32, ...], ...]
    """a video, a frame: (N, 4)"""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all contestants in one process work with."""

    config: Config
    recognition: Recognition
    gallery: Search

    def replay(self, videos: Sequence[Path]) -> Replayed:
        """Run the pipeline on these videos at once."""
        sources = [
            FileSource(path, f"{number}-{path.stem}", threads=self.config.runtime.decoder_threads)
            for number, path in enumerate(videos)
        ]
        runs = {source.camera: source.open().recording_id for source in sources}
        followed = Followed()
        plan = RunPlan(Mode.REPLAY, runs, True, [MemorySink()], hooks=[followed])
        run = build_run(self.config, self.recognition, self.gallery, plan)
        began_s = time.process_time()
        with run.supervisor as supervisor:
            supervisor.start(sources)
            supervisor.wait()
        return Replayed(
            run.metrics.summary(),
            time.process_time() - began_s,
            tuple(tuple(followed.boxes[source.camera]) for source in sources),
        )

    def engine(self) -> dict[str, object]:
        """What runs the networks, for a row."""
        choice = engine_choice(self.config)
        return {
            name: value
            for name, value in asdict(choice).items()
            if name in ("backend", "precision", "threads", "streams", "mode")
        }


@contextmanager
def open_bench(config: Config, models: Path) -> Iterator[Bench]:
    """Networks and a small gallery, open. Raises EngineError."""
    with TemporaryDirectory() as data, open_recognition(config, models, ignore) as recognition:
        with open_store(config, Path(data)) as store:
            store.enroll_many(strangers(recognition.model_id, recognition.dimension))
            gallery = load_gallery(config, store, recognition)
        rule = naming(config, Path(data), gallery.own_pairs)
        yield Bench(config, recognition, PinnedGallery(gallery, rule.max_distance))


def strangers(model_id: str, dimension: int) -> list[NewPerson]:
    """People whom nobody resembles."""
    vectors = np.random.default_rng(6).normal(size=(PEOPLE, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        NewPerson(
            f"Person {number}",
            (NewTemplate(model_id, vector, 0.8, "drawn", hashlib.sha256(vector.tobytes()).hexdigest()),),
        )
        for number, vector in enumerate(vectors)
    ]


def true_faces(models: Path, video: Path) -> list[F32]:
    """Boxes (N, 4) of every frame of a video: CenterFace at full resolution in fp32. Raises EngineError."""
    detector = prepare("centerface", read_catalogue(CATALOGUE_FILE), models, choose(precision="fp32"))
    source = FileSource(video, video.stem)
    info = source.open()
    with detector.engine as engine:
        centerface = CenterFace(engine, max(info.width, info.height), MIN_SCORE, MAX_IOU)
        return [centerface.detect([frame.pixels.to_host()])[0].boxes for frame in source.frames()]
