"""Which stages hang: a thread that is stuck in a library cannot be ended, only noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.runtime.place import Place
from pipeline.runtime.worker import Worker

STUCK_AFTER_S = 10.0
"""A batch takes tenths of a second, and opening a network again takes seconds: what takes this long is worth telling"""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A stage that has been at one batch for long."""

    stage: str
    place: Place | None
    """first item of the batch; None while the stage is opened again"""
    seconds: float
    since_s: float
    """of the stage's clock"""


class Watchdog:
    """Says which stages hang.

    Only who is found stuck at the same batch in two looks does: after a program was frozen, as with its machine,
    every batch under way seems to have taken that long.
    """

    def __init__(self) -> None:
        self._before: set[tuple[str, float]] = set()

    def look(self, found: Iterable[Stuck]) -> list[Stuck]:
        """Those of the stages stuck now that hang."""
        now = {(each.stage, each.since_s): each for each in found}
        hung = [each for key, each in now.items() if key in self._before]
        self._before = set(now)
        return hung


class HangsError(Exception):
    """A stage does not come back from a call."""

    exit_code = 3


def stuck(workers: Iterable[Worker[Any, Any]], after_s: float) -> tuple[Stuck, ...]:
    """Stages of a live run that have been at one batch for longer than this."""
    found = []
    for worker in workers:
        busy = None if worker.live is None else worker.live.busy
        if worker.live is not None and busy is not None and (seconds := worker.live.busy_s()) > after_s:
            found.append(Stuck(worker.name, busy.place, seconds, busy.since_s))
    return tuple(found)
