"""From a live stream's timestamps, which may lie, to seconds since the source began."""

from __future__ import annotations

LATE_S = 1.0
"""frames come late by as much at most; what seems later carries another clock's time"""

DRIFT = 0.002
"""of its lateness, how much each frame moves the clock: a camera's clock that runs slow by 100 parts in a million
is followed within milliseconds, and a network's jitter hardly moves it"""


class LiveTimeline:
    """Seconds since the source began, never decreasing, never in the future, at most LATE_S in the past.

    The rule: a frame belongs to the moment at which it would have arrived with the least delay seen lately. That
    is its timestamp plus an offset, and the offset is that of the frame which came soonest; so the network's
    jitter does not show, and outages last as long as they did. A missing timestamp means the moment of arrival;
    one that goes back, wraps or jumps says nothing, and the offset is made anew at the frame's arrival. So does a
    new connection.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last_stamp_s: float | None = None
        self._last_s = 0.0

    def next_s(self, stamp_s: float | None, arrived_s: float) -> float:
        """Seconds of the next frame in display order.

        Args:
            stamp_s: its timestamp in seconds of the stream's own clock, None where it has none.
            arrived_s: when its data came, seconds since the source began.
        """
        seconds = arrived_s if stamp_s is None else self._by_stamp(stamp_s, arrived_s)
        self._last_s = max(self._last_s, seconds)
        return self._last_s

    def begin_anew(self) -> None:
        """The next frame is of another connection, whose timestamps mean something else."""
        self._offset_s = self._last_stamp_s = None

    def _by_stamp(self, stamp_s: float, arrived_s: float) -> float:
        repeats = self._last_stamp_s is not None and stamp_s <= self._last_stamp_s
        self._last_stamp_s = stamp_s
        if self._offset_s is None or repeats:
            self._offset_s = arrived_s - stamp_s
        late_s = arrived_s - (stamp_s + self._offset_s)
        if not 0.0 <= late_s <= LATE_S:
            self._offset_s += late_s
        else:
            self._offset_s += DRIFT * late_s
        return min(stamp_s + self._offset_s, arrived_s)
