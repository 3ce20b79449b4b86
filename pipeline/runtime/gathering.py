"""Waiting until a batch is worth its call: by counting frames, never by the clock, so that a replay may do it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.channel import Inbox
from pipeline.runtime.place import place_of
from pipeline.types import StreamEnd

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gather:
    """When a batch is worth its call."""

    work_of: Callable[[Any], int]
    """how much work an item brings: the crops of a frame"""
    enough: int
    """so much work fills a call"""
    frames: int
    """of one camera wait at most, however little work they bring; see `shares_of_lag`"""

    def __post_init__(self) -> None:
        if self.enough < 1 or self.frames < 1:
            raise ValueError(
                f"enough and frames must be at least 1, got {self.enough} of work and {self.frames} frames"
            )


class Gathering(Generic[T]):
    """An inbox whose batches are gathered; for recordings, where nothing can be late.

    A batch is full with enough work, with so many frames of one camera, at any camera's end, or at `max_items`.
    """

    def __init__(self, inbox: Inbox[T], gather: Gather) -> None:
        self._inbox = inbox
        self._gather = gather

    def take(self, max_items: int, fill_s: float = 0.0) -> Sequence[T | StreamEnd]:
        """At least one item; raises ChannelClosed when there will be none.

        Where the inbox is closed meanwhile, what was gathered is given first.
        """
        batch: list[T | StreamEnd] = []
        work, frames = 0, Counter[str]()
        while len(batch) < max_items:
            try:
                taken = self._inbox.take(max_items - len(batch), fill_s)
            except ChannelClosed:
                if not batch:
                    raise
                break
            batch.extend(taken)
            items = [item for item in taken if not isinstance(item, StreamEnd)]
            work += sum(map(self._gather.work_of, items))
            frames.update(place_of(item).camera for item in items)
            ended = len(items) < len(taken)
            if ended or work >= self._gather.enough or max(frames.values()) >= self._gather.frames:
                break
        return batch


@dataclass(frozen=True, slots=True)
class LagShares:
    """How many frames of a camera may wait in two places before the stage that decides."""

    asking: int
    """in a batch of the stage that asks for the decisions so many frames ago"""
    gathered: int
    """in a batch that is gathered behind it"""


def shares_of_lag(lag_frames: int) -> LagShares:
    """The most that may wait without waiting for itself.

    A stage that asks at frame k for the decisions up to frame k - lag passes a batch on as a whole. Of `asking`
    frames the last needs the decision on a frame that, with less than `gathered` frames behind the stage, is decided
    or about to be: asking + gathered may be lag + 1. Two thirds go to what is gathered, where more frames make
    better batches; what asks has nothing to gain but fewer wakings.

    >>> shares_of_lag(24)
    LagShares(asking=9, gathered=16)
    >>> shares_of_lag(1)
    LagShares(asking=1, gathered=1)
    """
    gathered = max(1, 2 * lag_frames // 3)
    return LagShares(lag_frames + 1 - gathered, gathered)
