"""Giving a recording's frames no faster than they were taken."""

from __future__ import annotations

import threading

from pipeline.clock import Clock

LONGEST_GAP_S = 5.0
"""a longer step between two packets is a jump of their clock, not a wait"""

LATEST_S = 0.2
"""who is later is not hurried: more frames at once than that would only be dropped"""


class Pacer:
    """Holds each frame back until its time has come, counted from the first."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._origin_s: float | None = None

    def hold(self, pts_s: float) -> None:
        """Wait until a frame of this time is due; returns at once after `stop`, or when it is late already."""
        if self._origin_s is None:
            self._origin_s = self._clock.monotonic_s() - pts_s
        due_s = self._origin_s + pts_s
        while not self._stop.is_set() and (left_s := due_s - self._clock.monotonic_s()) > 0:
            self._clock.wait(self._stop, left_s)


class StreamPacer:
    """Holds the packets of a stream back until their time has come, whatever its timestamps do.

    Unlike `Pacer` it makes up for nothing: where packets come late, or their timestamps jump, the next ones count
    from there, as a picture that is late is shown late.
    """

    def __init__(self, clock: Clock, stop: threading.Event, period_s: float) -> None:
        self._clock = clock
        self._stop = stop
        self._period_s = period_s
        self._due_s: float | None = None
        self._stamp_s: float | None = None

    def hold(self, stamp_s: float | None) -> None:
        """Wait until a packet with this timestamp is due; returns at once after `stop`."""
        now_s = self._clock.monotonic_s()
        step_s = self._period_s
        if (
            stamp_s is not None
            and self._stamp_s is not None
            and 0 <= stamp_s - self._stamp_s <= LONGEST_GAP_S
        ):
            step_s = stamp_s - self._stamp_s
        self._stamp_s = stamp_s if stamp_s is not None else self._stamp_s
        due_s = now_s if self._due_s is None else self._due_s + step_s
        if now_s - due_s > LATEST_S:
            due_s = now_s
        self._due_s = due_s
        while not self._stop.is_set() and (left_s := due_s - self._clock.monotonic_s()) > 0:
            self._clock.wait(self._stop, left_s)

    def begin_anew(self) -> None:
        """The next packet's timestamp has nothing to do with the last one's: it is due a frame later."""
        self._stamp_s = None
