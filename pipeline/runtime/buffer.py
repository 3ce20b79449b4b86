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

    def __len__(self) -> int:
        return len(self._items)

    @property
    def must_wait(self) -> bool:
        """Whether the giver has to wait for space."""
        return self.overflow is Overflow.BLOCK and len(self._items) >= self.capacity

    def append(self, item: T | StreamEnd) -> None:
        """Add an item; a full DROP_OLDEST buffer drops its oldest first.

        A StreamEnd is never dropped, so that open sightings get their `end`: a buffer holding nothing else
        grows by one, at most one a camera.
        """
        if self.overflow is Overflow.DROP_OLDEST and len(self._items) >= self.capacity:
            self._drop_oldest()
        self._items.append(item)
        self.high_water = max(self.high_water, len(self._items))

    def pop(self) -> T | StreamEnd:
        """Remove and return the oldest item."""
        return self._items.popleft()

    def clear(self) -> None:
        """Forget everything; not counted as drops, because the run is over."""
        self._items.clear()

    def _drop_oldest(self) -> None:
        for position, item in enumerate(self._items):
            if not isinstance(item, StreamEnd):
                self.dropped[place_of(item).camera] += 1
                del self._items[position]
                return
