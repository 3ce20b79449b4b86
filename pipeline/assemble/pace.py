"""How a run's queues are made, and what keeps a live one quick."""

from __future__ import annotations

from dataclasses import dataclass

from config.schema import Config
from pipeline.detection.rules import CameraRules, RuleBook
from pipeline.detection.stage import LookSchedule
from pipeline.events.event import Mode, TimingsMs
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.measuring.timings import Timings
from pipeline.runtime.pace.admission import Admission
from pipeline.runtime.pace.load import LoadRules
from pipeline.types import Frame, FrameInfo

LIVE_QUEUED = 4
"""items between two stages of a live run: what waits there is late, and no more is needed to keep them busy
(docs/latency.md)"""


@dataclass(frozen=True, slots=True)
class Queues:
    """How items wait in a run."""

    overflow: Overflow
    frames: int
    """for the detector, a camera"""
    items: int
    """between two stages"""
    fill_s: float
    """how long crops wait for others, so that a batch fills"""

    def fan_in(self, pace: Pace | None) -> FanIn[Frame]:
        """Where the cameras' frames come together; what waits too long to be told of in time is dropped there."""
        stale = None if pace is None else pace.is_stale
        return FanIn(self.frames, self.overflow, "frames", stale)


def queues_of(config: Config, mode: Mode) -> Queues:
    """Recordings wait for the stages; of live cameras the newest frame alone waits."""
    keys = config.runtime
    if mode is Mode.REPLAY:
        return Queues(Overflow.BLOCK, keys.frames_queued, keys.items_queued, 0.0)
    return Queues(Overflow.DROP_OLDEST, 1, LIVE_QUEUED, config.embedding.max_wait_ms / 1e3)


@dataclass(frozen=True, slots=True)
class Pace:
    """What keeps a live run quick: who is looked at how often, and how long it takes."""

    rules: RuleBook
    admission: Admission
    timings: Timings

    def is_stale(self, frame: Frame) -> bool:
        """Whether the frame has waited too long to be told of in time."""
        return self.admission.is_stale(frame.info)

    def timings_ms(self, info: FrameInfo) -> TimingsMs:
        """Where this frame's time went, for its events."""
        spent = self.timings.of(info)
        return TimingsMs(spent.queue, spent.detect, spent.embed, spent.match, spent.total)


def live_pace(config: Config, rules: RuleBook | None, last_stage: str) -> Pace:
    """The pace of a live run; without `rules` all cameras have those of the configuration."""
    book = rules or RuleBook(usual_rules(config))
    admission = Admission(
        LoadRules(config.runtime.max_latency_ms),
        LookSchedule,
        lambda camera: book.of(camera).rate_hz,
        config.detection.min_rate_hz,
        config.detection.max_batch,
    )
    return Pace(book, admission, Timings(last_stage))


def usual_rules(config: Config) -> CameraRules:
    """The rules of a camera that has none of its own."""
    return CameraRules(config.detection.rate_hz, config.detection.min_face_px)
