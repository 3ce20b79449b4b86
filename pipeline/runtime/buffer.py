"""A bounded first-in first-out buffer that counts what it drops; what Channel and FanIn are made of."""

from __future__ import annotations

from collections import Counter, deque
from enum import StrEnum
from typing import Generic, TypeVar

from pipeline.runtime.place import place_of
from pipeline.types import StreamEnd

T = TypeVar("T")


class ChannelClosed(Exception):  # noqa: N818 - it is no error
    """There is nothing more to put or take: the stream ended, or the run was stopped. Not an error."""


class Overflow(StrEnum):
    """What a full queue does with one item more."""

    BLOCK = "block"
    """the giver waits: recorded video, where nothing may be lost"""
    DROP_OLDEST = "drop_oldest"
    """the oldest item is dropped and counted: live video, where only the present counts"""


class Buffer(Generic[T]):
    """Items in order. Not thread-safe: its owner holds the lock."""

    def __init__(self, capacity: int, overflow: Overflow) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self.overflow = overflow
        self.high_water = 0
        """most items ever held"""
        self.dropped: Counter[str] = Counter()
        """items dropped, by camera"""
        self._items: deque[T | StreamEnd] = deque()
        self._ends = 0
        """how many of them are StreamEnds"""

    def __len__(self) -> int:
        return len(self._items)

    @property
    def must_wait(self) -> bool:
        """Whether the giver has to wait for space."""
        return self.overflow is Overflow.BLOCK and len(self._items) >= self.capacity

    def append(self, item: T | StreamEnd) -> None:
        """Add an item; a full DROP_OLDEST buffer drops its oldest first.

        A StreamEnd is never dropped, so that open sightings get their `end`, takes no item's room, and drops
        nothing. A pause that another end of its camera follows, with none of its items in between, says nothing:
        the later takes the place of both. So a camera that flaps for weeks while nobody takes leaves at most one
        pause an item held.
        """
        if isinstance(item, StreamEnd):
            self._items.append(item)
            self._ends += 1
            self._merge_ends(item.camera)
        else:
            if self.overflow is Overflow.DROP_OLDEST and len(self._items) - self._ends >= self.capacity:
                self._drop_oldest()
            self._items.append(item)
        self.high_water = max(self.high_water, len(self._items))

    def pop(self) -> T | StreamEnd:
        """Remove and return the oldest item."""
        item = self._items.popleft()
        self._ends -= isinstance(item, StreamEnd)
        return item

    def clear(self) -> None:
        """Forget everything; not counted as drops, because the run is over."""
        self._items.clear()
        self._ends = 0

    def _drop_oldest(self) -> None:
        position = next(i for i, item in enumerate(self._items) if not isinstance(item, StreamEnd))
        camera = place_of(self._items[position]).camera
        self.dropped[camera] += 1
        del self._items[position]
        if self._ends > 1:
            self._merge_ends(camera)

    def _merge_ends(self, camera: str) -> None:
        """Remove the pause of this camera that another end follows with none of its items in between."""
        before: int | None = None
        for position, item in enumerate(self._items):
            if place_of(item).camera != camera:
                continue
            if isinstance(item, StreamEnd) and before is not None:
                del self._items[before]
                self._ends -= 1
                return  # there is never more than one such pair: each append and drop makes at most one
            before = position if isinstance(item, StreamEnd) and item.pause else None
