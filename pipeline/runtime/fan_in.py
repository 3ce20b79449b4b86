"""Many cameras, one taker: a bounded queue for each camera, emptied in turn."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from pipeline.runtime.buffer import Buffer, ChannelClosed, Overflow
from pipeline.runtime.place import place_of
from pipeline.types import StreamEnd

T = TypeVar("T")


class _Lane(Generic[T]):
    """One camera's queue, and what its giver waits for."""

    def __init__(self, capacity: int, overflow: Overflow, lock: threading.Lock) -> None:
        self.buffer: Buffer[T] = Buffer(capacity, overflow)
        self.has_space = threading.Condition(lock)
        self.given = 0
        """items put, without ends"""
        self.frames = 0
        """decoded so far: one more than the index of the last frame put"""
        self.ended = False
        """its last StreamEnd is in the queue: nothing may follow"""


class Entry(Generic[T]):
    """Where one camera gives its items: closed once it has ended, though another may have taken its name by then."""

    def __init__(self, put: Callable[[T | StreamEnd], None], given: Callable[[], int]) -> None:
        self._put = put
        self._given = given

    @property
    def given(self) -> int:
        """Items that went in, without ends; never changes once the camera's last end was taken."""
        return self._given()

    def put(self, item: T | StreamEnd) -> None:
        """As FanIn.put."""
        self._put(item)


class FanIn(Generic[T]):
    """Takes one item a camera in turn, so that a fast camera starves none and a slow one holds up none.

    A camera's own order is kept, with its StreamEnds in their places. A camera comes with `add` and is gone once
    its StreamEnd was taken; after one that is a pause it stays, and more may follow.
    """

    def __init__(
        self, capacity: int, overflow: Overflow, name: str, stale: Callable[[T], bool] | None = None
    ) -> None:
        """
        Args:
            capacity: a camera's, not that of all together.
            overflow: what a full queue does.
            name: where it stands, for drop counts.
            stale: whether an item has waited too long to be worth taking: it is dropped instead; None: never.
        """
        self.name = name
        self._stale = stale
        self._capacity = capacity
        self._overflow = overflow
        self._lock = threading.Lock()
        self._has_items = threading.Condition(self._lock)
        self._lanes: dict[str, _Lane[T]] = {}
        """cameras in the order of their turns: who was served goes to the end"""
        self._dropped: Counter[str] = Counter()
        """of cameras that are gone"""
        self._high_water = 0
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return self._waiting()

    @property
    def high_water(self) -> int:
        """Most items that one camera ever had waiting."""
        with self._lock:
            return max([self._high_water, *(lane.buffer.high_water for lane in self._lanes.values())])

    def dropped(self) -> Mapping[str, int]:
        """Items dropped so far, by camera."""
        with self._lock:
            total = Counter(self._dropped)
            for lane in self._lanes.values():
                total.update(lane.buffer.dropped)
            return dict(total)

    def forget(self, camera: str) -> int:
        """Count the drops of a camera that is gone no longer; how many they were."""
        with self._lock:
            return self._dropped.pop(camera, 0)

    def add(self, camera: str) -> Entry[T]:
        """Make room for a camera, which gives its items there.

        Raises:
            ValueError: a camera of this name is still there.
            ChannelClosed: the run is over.
        """
        with self._lock:
            if self._closed:
                raise ChannelClosed(self.name)
            if camera in self._lanes:
                raise ValueError(
                    f"camera {camera!r} is running already; remove it first or choose another name"
                )
            lane: _Lane[T] = _Lane(self._capacity, self._overflow, self._lock)
            self._lanes[camera] = lane
            return Entry(lambda item: self._put(lane, item), lambda: lane.given)

    def remove(self, camera: str, frames: int = 0) -> None:
        """Take nothing more from a camera: what is queued still goes through, with a StreamEnd behind it.

        `frames`: decoded so far, where more were than were put. The camera's own thread gets ChannelClosed at its
        next put. Unknown and ended cameras are left alone.
        """
        with self._lock:
            lane = self._lanes.get(camera)
            if lane is None or lane.ended:
                return
            lane.ended = True
            lane.buffer.append(StreamEnd(camera, max(lane.frames, frames)))
            lane.has_space.notify_all()
            self._has_items.notify()

    def put(self, item: T | StreamEnd) -> None:
        """Add an item to its camera's queue, waiting for space (BLOCK) or dropping its oldest (DROP_OLDEST).

        Raises:
            ChannelClosed: the fan-in is closed, or this camera has ended or was never added.
        """
        with self._lock:
            lane = self._lanes.get(place_of(item).camera)
        if lane is None:
            raise ChannelClosed(f"{self.name}, camera {place_of(item).camera}")
        self._put(lane, item)

    def _put(self, lane: _Lane[T], item: T | StreamEnd) -> None:
        place = place_of(item)
        with self._lock:
            while not (self._closed or lane.ended) and lane.buffer.must_wait:
                lane.has_space.wait()
            if self._closed or lane.ended:
                raise ChannelClosed(f"{self.name}, camera {place.camera}")
            lane.buffer.append(item)
            if isinstance(item, StreamEnd):
                lane.ended = not item.pause
                lane.frames = max(lane.frames, item.frames)
            else:
                lane.given += 1
                lane.frames = lane.frames if place.frame_index is None else place.frame_index + 1
            self._has_items.notify()

    def take(
        self, max_items: int, fill_s: float = 0.0, timeout_s: float | None = None
    ) -> list[T | StreamEnd]:
        """At least one and at most `max_items` items, the cameras in turn, going on where the last take stopped.

        Waits `timeout_s` for the first (None: as long as it takes; then an empty list), and after it up to
        `fill_s` for the batch to fill.

        Raises:
            ChannelClosed: the fan-in is closed and empty, or aborted.
        """
        with self._lock:
            while True:
                self._has_items.wait_for(lambda: self._waiting() or self._closed, timeout_s)
                if fill_s > 0.0 and self._waiting():
                    self._has_items.wait_for(lambda: self._closed or self._filled(max_items), fill_s)
                batch = self._collect(max_items)
                if not batch and self._closed:
                    raise ChannelClosed(self.name)
                if batch or timeout_s is not None:
                    return batch

    def close(self) -> None:
        """Refuse further puts; the taker gets what is left, then ChannelClosed. May be called again."""
        with self._lock:
            self._close()

    def abort(self) -> None:
        """Close and forget the contents: everyone blocked gets ChannelClosed at once. May be called again."""
        with self._lock:
            for lane in self._lanes.values():
                lane.buffer.clear()
            self._close()

    def _close(self) -> None:
        self._closed = True
        self._has_items.notify_all()
        for lane in self._lanes.values():
            lane.has_space.notify_all()

    def _waiting(self) -> int:
        return sum(len(lane.buffer) for lane in self._lanes.values())

    def _filled(self, wanted: int) -> bool:
        # Lanes that are all full cannot bring more, however long one waits.
        full = all(lane.ended or len(lane.buffer) >= lane.buffer.capacity for lane in self._lanes.values())
        return full or self._waiting() >= wanted

    def _next_camera(self) -> str | None:
        return next((camera for camera, lane in self._lanes.items() if lane.buffer), None)

    def _collect(self, max_items: int) -> list[T | StreamEnd]:
        """The next items, without those that are stale."""
        batch: list[T | StreamEnd] = []
        while len(batch) < max_items and (camera := self._next_camera()) is not None:
            item = self._pop(camera)
            if isinstance(item, StreamEnd) or self._stale is None or not self._stale(item):
                batch.append(item)
            else:
                self._lanes[camera].buffer.dropped[camera] += 1
        return batch

    def _pop(self, camera: str) -> T | StreamEnd:
        lane = self._lanes.pop(camera)
        item = lane.buffer.pop()
        if isinstance(item, StreamEnd) and not item.pause:
            self._dropped.update(lane.buffer.dropped)
            self._high_water = max(self._high_water, lane.buffer.high_water)
        else:
            self._lanes[camera] = lane
            lane.has_space.notify()
        return item
