"""Packets on their way from the thread that reads a camera to the one that decodes: bounded, and never old."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from av.packet import Packet
from av.video.stream import VideoStream

from pipeline.capture.live.connection import Connection

LATE_S = 0.4
"""decoding is slower than the stream where packets wait longer: pictures that no other is made from are left out, and
a keyframe that comes is gone on with at once"""

CAUGHT_UP_S = 0.1
"""where packets wait no longer, every picture is decoded again"""

TOO_LATE_S = 1.0
"""nothing waits longer: what leads up to the newest keyframe is left out, as is all up to the next where none waits"""

MAX_PACKETS, MAX_BYTES = 600, 64 * 1024 * 1024
"""that wait, however fast they come: ten seconds at 60 a second, and a second of motion JPEG in 4K"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection was made, and its packets follow."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Arrived:
    """A packet of the connection opened last."""

    packet: Packet[VideoStream]
    at_s: float
    """monotonic seconds when it came"""


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over, or none could be made."""

    problem: str | None
    """one line without secrets; None for a file that came to its end and begins again"""


Item = Opened | Arrived | Ended


class Backlog:
    """A queue between two threads that forgets pictures rather than let them grow old.

    A reader that never waits keeps the network's buffers empty, so that what is behind is behind here, where it
    can be seen and left out. Only packets are left out, and only so that the next one is a keyframe.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._packets = self._bytes = 0
        self._needs_key = False
        self._skipped = 0
        self._closed = False

    def put(self, item: Item) -> None:
        """Add something; of a packet that comes after the queue was closed, nothing is kept."""
        with self._changed:
            if self._closed:
                return
            if isinstance(item, Opened):
                self._needs_key = False
            if not isinstance(item, Arrived) or self._admits(item):
                self._append(item)
                self._changed.notify_all()

    def take(self, timeout_s: float | None) -> Item | None:
        """The next thing, waited for; None when the time has passed, or the queue was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if self._closed or not self._items:
                return None
            item = self._items.popleft()
            self._forget(item)
            if isinstance(item, Ended):
                self._changed.notify_all()
            return item

    def wait_for_end(self, timeout_s: float) -> bool:
        """Wait until no Ended is left, or the queue was closed; whether that is so.

        Then all that came before it was looked at. Until then nothing more is to be put in: nobody may be looking.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: self._closed or not any(isinstance(item, Ended) for item in self._items), timeout_s
            )

    def close(self) -> None:
        """Wake who waits; nothing comes or goes any more."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def take_skipped(self) -> int:
        """Packets left out since this was last asked."""
        with self._changed:
            skipped, self._skipped = self._skipped, 0
            return skipped

    def _append(self, item: Item) -> None:
        self._items.append(item)
        if isinstance(item, Arrived):
            self._packets += 1
            self._bytes += item.packet.size

    def _forget(self, item: Item) -> None:
        if isinstance(item, Arrived):
            self._packets -= 1
            self._bytes -= item.packet.size

    def _admits(self, newest: Arrived) -> bool:
        """Whether a packet is of use; makes room for it where too much waits."""
        key = newest.packet.is_keyframe
        if self._needs_key and not key:
            self._skipped += 1
            return False
        self._needs_key = False
        if not self._too_much(newest):
            return True
        keeps_from = None if key else self._newest_keyframe()
        self._leave_out(keeps_from)
        if keeps_from is None and not key:
            self._needs_key = True
            self._skipped += 1
            return False
        return True

    def _too_much(self, newest: Arrived) -> bool:
        oldest = next((item for item in self._items if isinstance(item, Arrived)), None)
        if oldest is None:
            return False
        waited_s = newest.at_s - oldest.at_s
        limit_s = LATE_S if newest.packet.is_keyframe else TOO_LATE_S
        return waited_s > limit_s or self._packets >= MAX_PACKETS or self._bytes >= MAX_BYTES

    def _newest_keyframe(self) -> Arrived | None:
        """A keyframe that waits behind something else."""
        arrived = [item for item in self._items if isinstance(item, Arrived)]
        return next((item for item in reversed(arrived[1:]) if item.packet.is_keyframe), None)

    def _leave_out(self, keeps_from: Arrived | None) -> None:
        """Drop the packets before this one, all where there is none; what is no packet stays."""
        kept: deque[Item] = deque()
        dropping = True
        for item in self._items:
            dropping = dropping and item is not keeps_from
            if dropping and isinstance(item, Arrived):
                self._forget(item)
                self._skipped += 1
            else:
                kept.append(item)
        self._items = kept
