"""The bounded queue between two stages."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from pipeline.runtime.buffer import Buffer, ChannelClosed, Overflow
from pipeline.types import StreamEnd

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Inbox(Protocol[T_co]):
    """Where a worker takes from."""

    def take(self, max_items: int, fill_s: float = 0.0) -> Sequence[T_co | StreamEnd]:
        """At least one item; raises ChannelClosed when there will be none."""
        ...


class Outbox(Protocol[T_contra]):
    """Where a worker puts its answers."""

    def put(self, item: T_contra | StreamEnd) -> None:
        """Pass one item on; raises ChannelClosed when nobody will take it."""
        ...

    def close(self) -> None:
        """Nothing more will be put."""
        ...


class Channel(Generic[T]):
    """A bounded queue for any number of givers and takers, in order.

    Nobody polls: waiting threads sleep on a condition and are woken by the put, take, close or abort that they
    wait for.
    """

    def __init__(self, capacity: int, overflow: Overflow, name: str) -> None:
        self.name = name
        """where it stands, for drop counts: the stage that takes from it"""
        self._buffer: Buffer[T] = Buffer(capacity, overflow)
        self._lock = threading.Lock()
        self._has_items = threading.Condition(self._lock)
        self._has_space = threading.Condition(self._lock)
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._buffer)

    @property
    def high_water(self) -> int:
        """Most items ever held."""
        with self._lock:
            return self._buffer.high_water

    def dropped(self) -> Mapping[str, int]:
        """Items dropped so far, by camera."""
        with self._lock:
            return dict(self._buffer.dropped)

    def put(self, item: T | StreamEnd) -> None:
        """Add an item, waiting for space (BLOCK) or dropping the oldest (DROP_OLDEST).

        Raises:
            ChannelClosed: the channel is closed or aborted, now or while waiting.
        """
        with self._lock:
            while self._buffer.must_wait and not self._closed:
                self._has_space.wait()
            if self._closed:
                raise ChannelClosed(self.name)
            self._buffer.append(item)
            self._has_items.notify_all()

    def take(
        self, max_items: int, fill_s: float = 0.0, timeout_s: float | None = None
    ) -> list[T | StreamEnd]:
        """The oldest items, at least one and at most `max_items`.

        Waits `timeout_s` for the first (None: as long as it takes; then an empty list), and after it up to
        `fill_s` for the batch to fill.

        Raises:
            ChannelClosed: the channel is closed and empty, or aborted.
        """
        with self._lock:
            self._has_items.wait_for(lambda: len(self._buffer) or self._closed, timeout_s)
            if fill_s > 0.0 and 0 < len(self._buffer) < max_items:
                self._wait_for_more(max_items, time.monotonic() + fill_s)
            if not self._buffer and self._closed:
                raise ChannelClosed(self.name)
            batch = [self._buffer.pop() for _ in range(min(max_items, len(self._buffer)))]
            self._has_space.notify(len(batch))
            return batch

    def close(self) -> None:
        """Refuse further puts; takers get what is left, then ChannelClosed. May be called again."""
        with self._lock:
            self._closed = True
            self._has_items.notify_all()
            self._has_space.notify_all()

    def abort(self) -> None:
        """Close and forget the contents: everyone blocked gets ChannelClosed at once. May be called again."""
        with self._lock:
            self._closed = True
            self._buffer.clear()
            self._has_items.notify_all()
            self._has_space.notify_all()

    def _wait_for_more(self, wanted: int, deadline_s: float) -> None:
        self._has_items.wait_for(
            lambda: len(self._buffer) >= min(wanted, self._buffer.capacity) or self._closed,
            max(0.0, deadline_s - time.monotonic()),
        )
