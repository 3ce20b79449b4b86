"""Where the time of a frame goes: the pipeline's own stages, one after the other on one thread, step by step.

A run works all stages at once, so that a step's wall time there holds its waits for others. Here nothing of ours runs
beside a step: its wall time is its own, and its processor time that of all threads it uses, a network's among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from config.schema import Config
from engines.arrays import F32, Batch
from engines.backends.base import Engine
from engines.prepare import Prepared, prepare
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.stage import AlignmentStage
from pipeline.arrays import I64, U8
from pipeline.assemble.recognition import CATALOGUE_FILE, Networks, engine_choice, networks_of
from pipeline.assemble.run import detection_stage, gate_rules, sighting_rules, tracking_stage
from pipeline.capture.file import FileSource
from pipeline.embedding.in_force import OneEmbedder
from pipeline.embedding.stage import EmbeddingStage
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.events.publish import PublishingStage
from pipeline.events.stage import EventContext, LifecycleStage
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.matching.stage import MatchingStage, OneGallery, Search
from pipeline.pixels import Pixels
from pipeline.runtime.feedback import FeedbackBoard
from pipeline.stage import Stage
from pipeline.types import Frame, GalleryState

P = ParamSpec("P")
R = TypeVar("R")
AnyStage = Stage[Any, Any]

STEPS = (
    *("decode", "to RGB", "letterbox", "detector network", "maps to faces", "cut test and tracking"),
    *("cut crops", "quality", "embed gate", "embedder network", "around the embedder"),
    *("search", "match", "decide", "publish"),
)
"""in the order of a frame's life"""


@dataclass(frozen=True, slots=True)
class StepRow:
    """What one step takes of a video."""

    bench: str
    video: str
    step: str
    cpu_ms_frame: float
    """processor time of all threads, divided by all frames of the video"""
    wall_ms_frame: float
    cpu_ms_call: float
    calls: int
    share: float
    """of the processor time of all steps"""


@dataclass(slots=True)
class _Spent:
    calls: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0


class Stopwatch:
    """Time by step; that of a step inside another counts for the inner one alone. For one thread."""

    def __init__(self) -> None:
        self.spent: dict[str, _Spent] = {}
        self._open: list[str] = []
        self._wall_s = 0.0
        self._cpu_s = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What happens inside is this step."""
        self._credit()
        self._open.append(name)
        self.spent.setdefault(name, _Spent()).calls += 1
        try:
            yield
        finally:
            self._credit()
            self._open.pop()

    def goes_on_as(self, name: str) -> None:
        """From here on the innermost step is this one, to its end."""
        self._credit()
        self._open[-1] = name
        self.spent.setdefault(name, _Spent()).calls += 1

    def timed(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """The function as this step."""

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.step(name):
                return function(*args, **kwargs)

        return call

    def _credit(self) -> None:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        if self._open:
            spent = self.spent[self._open[-1]]
            spent.wall_s += wall_s - self._wall_s
            spent.cpu_s += cpu_s - self._cpu_s
        self._wall_s, self._cpu_s = wall_s, cpu_s


class _TimedEngine:
    """An engine whose runs are a step; what follows a run in the step around it is called `after`."""

    def __init__(self, engine: Engine, watch: Stopwatch, step: str, after: str) -> None:
        self.info, self.inputs, self.outputs = engine.info, engine.inputs, engine.outputs
        self._engine, self._watch, self._step, self._after = engine, watch, step, after

    def open(self) -> None:
        self._engine.open()

    def infer(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        with self._watch.step(self._step):
            outputs = self._engine.infer(inputs)
        self._watch.goes_on_as(self._after)
        return outputs

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> _TimedEngine:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _TimedPixels:
    pixels: Pixels
    watch: Stopwatch

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pixels.shape

    def to_host(self) -> U8:
        with self.watch.step("to RGB"):
            return self.pixels.to_host()


@dataclass(frozen=True, slots=True)
class _TimedSearch:
    gallery: Search
    watch: Stopwatch

    @property
    def state(self) -> GalleryState:
        return self.gallery.state

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        with self.watch.step("search"):
            return self.gallery.answer(probes, count, near=near, watchlists=watchlists)


def steps_of(config: Config, models: Path, gallery: Search, video: Path) -> list[StepRow]:
    """Rows of one video, in the order of a frame's life; the second of two passes. Raises EngineError."""
    watch = Stopwatch()
    frames = 0
    with ExitStack() as opened:
        networks = _networks(config, models, watch, opened)
        for _ in range(2):  # the first run of a new input shape compiles kernels
            watch.spent.clear()
            source = FileSource(video, "video", threads=config.runtime.decoder_threads)
            run = source.open().recording_id
            frames = _through(source, watch, _stages(config, networks, gallery, watch, run))
    return _rows(video.name, watch, frames)


def _networks(config: Config, models: Path, watch: Stopwatch, opened: ExitStack) -> Networks:
    choice, catalogue = engine_choice(config), read_catalogue(CATALOGUE_FILE)

    def timed(name: str, step: str, after: str) -> Prepared:
        prepared = prepare(name, catalogue, models, choice)
        opened.enter_context(prepared.engine)
        return replace(prepared, engine=_TimedEngine(prepared.engine, watch, step, after))

    return networks_of(
        config,
        timed(config.detection.model, "detector network", "maps to faces"),
        timed(config.embedding.model, "embedder network", "around the embedder"),
    )


def _stages(
    config: Config, networks: Networks, gallery: Search, watch: Stopwatch, run: str
) -> dict[str, AnyStage]:
    """The stages of a replay by the step that their own time is, in order."""
    board, matching, sightings = FeedbackBoard(exact=True), config.matching, config.sightings
    context = EventContext(
        mode=Mode.REPLAY,
        runs={"video": run},
        detector=config.detection.model,
        embedder=networks.embedder.model_id,
        candidates=matching.candidates,
        candidate_distance=matching.candidate_distance,
        now=None,
    )
    rules = sighting_rules(config, gallery.state.max_distance)
    return {
        "letterbox": detection_stage(config, networks, None),
        "cut test and tracking": tracking_stage(config, None),
        "embed gate": AlignmentStage(
            watch.timed("cut crops", networks.crop.cut),
            networks.judge,
            gate_rules(config),
            board,
            sightings.feedback_lag_frames,
            networks.crop.size_px,
            watch.timed("quality", networks.parts),
        ),
        "around the embedder": EmbeddingStage(OneEmbedder(networks.embedder)),
        "match": MatchingStage(
            OneGallery(_TimedSearch(gallery, watch)),
            matching.best_shots,
            matching.candidates,
            matching.handover_distance,
        ),
        "decide": LifecycleStage(rules, context, board),
        "publish": PublishingStage([MemorySink()], None, sightings.gap_s),
    }


def _through(source: FileSource, watch: Stopwatch, stages: Mapping[str, AnyStage]) -> int:
    """Send every frame through every stage, one at a time; how many there were."""
    for stage in stages.values():
        stage.open()
    count, frames = 0, source.frames()
    while True:
        with watch.step("decode"):
            frame = next(frames, None)
        if frame is None:
            return count
        items: Any = [Frame(frame.info, _TimedPixels(frame.pixels, watch))]
        for step, stage in stages.items():
            with watch.step(step):
                items = stage.process(items)
        count += 1


def _rows(video: str, watch: Stopwatch, frames: int) -> list[StepRow]:
    total_s = sum(spent.cpu_s for spent in watch.spent.values())
    return [
        StepRow(
            "pipeline steps",
            video,
            step,
            round(1e3 * spent.cpu_s / frames, 3),
            round(1e3 * spent.wall_s / frames, 3),
            round(1e3 * spent.cpu_s / spent.calls, 3),
            spent.calls,
            round(spent.cpu_s / total_s, 3),
        )
        for step in STEPS
        if (spent := watch.spent.get(step)) is not None
    ]
