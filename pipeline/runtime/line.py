"""The stages of a run, one behind the other, each with its worker and the queue that it takes from."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.channel import Channel, Inbox, Outbox
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.gathering import Gather, Gathering
from pipeline.runtime.measuring.metrics import Drops
from pipeline.runtime.restarting import StageFailures
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.watchdog import Stuck, stuck
from pipeline.runtime.worker import Worker, WorkerHook
from pipeline.stage import Stage
from pipeline.types import Frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and how it is fed."""

    stage: Stage[Any, Any]
    max_batch: int
    """items at once, of all cameras"""
    queued: int = 32
    """items that may wait before it; the first step's wait in the fan-in instead"""
    fill_s: float = 0.0
    """how long a batch may wait to fill; live only"""
    gather: Gather | None = None
    """what a batch waits for; recordings only"""


class Line:
    """The workers in their order, and what is done to all of them or to those before one."""

    def __init__(
        self,
        fan_in: FanIn[Frame],
        steps: Sequence[Step],
        hooks: Sequence[WorkerHook],
        restarts: RestartRules | None,
    ) -> None:
        """See supervisor.Supervisor."""
        self.fan_in = fan_in
        self.channels = [Channel[Any](step.queued, Overflow.BLOCK, step.stage.name) for step in steps[1:]]
        queues: list[Inbox[Any]] = [fan_in, *self.channels]
        inboxes = [
            queue if step.gather is None else Gathering(queue, step.gather)
            for step, queue in zip(steps, queues, strict=True)
        ]
        outboxes: list[Outbox[Any] | None] = [*self.channels, None]
        self.workers = [
            Worker(step.stage, inbox, outbox, step.max_batch, hooks, step.fill_s, restarts)
            for step, inbox, outbox in zip(steps, inboxes, outboxes, strict=True)
        ]

    def hurry(self) -> None:
        """A stage that waits before it is opened again waits no longer, nor will any."""
        for worker in self.workers:
            if worker.live is not None:
                worker.live.hurry()

    def abort(self) -> None:
        """Everyone blocked ends, what is queued is forgotten, and no stage is opened again."""
        for worker in self.workers:
            if worker.live is not None:
                worker.live.halt()
        self.fan_in.abort()
        for channel in self.channels:
            channel.abort()

    def abort_before(self, stage: str) -> None:
        """The same for what is before this stage: it gets nothing more, and those behind it finish."""
        names = [worker.name for worker in self.workers]
        self.fan_in.abort()
        for channel in self.channels[: names.index(stage)]:
            channel.abort()

    def worker(self, stage: str) -> Worker[Any, Any] | None:
        """The worker of this stage; None where there is none of that name."""
        return next((worker for worker in self.workers if worker.name == stage), None)

    def drops(self) -> list[Drops]:
        """What the queues dropped so far."""
        here = [(self.fan_in.name, self.fan_in.dropped())]
        here += [(channel.name, channel.dropped()) for channel in self.channels]
        return [
            Drops(camera, name, count) for name, dropped in here for camera, count in sorted(dropped.items())
        ]

    def failures(self) -> tuple[StageFailures, ...]:
        """How often each stage failed and was started again; nothing of a replay."""
        return tuple(worker.live.so_far for worker in self.workers if worker.live is not None)

    def stuck(self, after_s: float) -> tuple[Stuck, ...]:
        """Stages that have been at one batch for longer than this."""
        return stuck(self.workers, after_s)


def end_without(worker: Worker[Any, Any]) -> None:
    """Tell those behind a worker that hangs of every camera's end; in a thread, because they may be full."""

    def tell() -> None:
        try:
            worker.tell_ends(f"stage {worker.name} hangs")
        except ChannelClosed:
            log.debug("nobody is behind stage %s any more", worker.name)

    threading.Thread(target=tell, name=f"facestream-{worker.name}-ends", daemon=True).start()
