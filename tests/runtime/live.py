"""Live runs over short queues, and waiting for what they come to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from pipeline.runtime.buffer import Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.line import Step
from pipeline.runtime.measuring.tally import CameraCounts
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.supervisor import Supervisor
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Frame, FrameInfo
from tests.runtime.failing import TroubledStage
from tests.runtime.streams import JOIN_S, PassStage

FAST = RestartRules(max_restarts=3, window_s=600.0, backoff_s=0.001, hung_after_s=600.0)


def live(
    *stages: PassStage | TroubledStage,
    rules: RestartRules = FAST,
    admit: Callable[[FrameInfo], bool] | None = None,
    hooks: Sequence[WorkerHook] = (),
    drain_timeout_s: float = JOIN_S,
    overflow: Overflow = Overflow.BLOCK,
) -> Supervisor:
    """A run over short queues that goes on when its cameras are gone."""
    fan_in: FanIn[Frame] = FanIn(2, overflow, "frames")
    return Supervisor(
        fan_in,
        [Step(stage, 4, queued=2) for stage in stages],
        hooks=hooks,
        admit=admit,
        drain_timeout_s=drain_timeout_s,
        ends_with_sources=False,
        restarts=rules,
    )


def until(condition: Callable[[], bool]) -> None:
    """Wait for this to become true."""
    deadline_s = time.monotonic() + JOIN_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        threading.Event().wait(0.001)


def counts_of(run: Supervisor, camera: str) -> CameraCounts:
    """Of this camera."""
    return next(each for each in run.counts() if each.camera == camera)
