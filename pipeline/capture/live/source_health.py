"""How a live source is doing: what its threads note, and what anybody may read at any time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.clock import Clock

RATE_OVER_S = 2.0
"""the time that the rate is counted over; a camera at one frame a second still shows a rate"""


class State(StrEnum):
    """Where a live source is."""

    CONNECTING = "connecting"
    """the first try"""
    STREAMING = "streaming"
    """pictures come"""
    WAITING = "waiting"
    """they do not; it is tried again and again"""
    PARKED = "parked"
    """they have not for so long that somebody should look; it is still tried"""
    CLOSED = "closed"
    """for good"""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a live source is doing at one moment."""

    state: State
    since: datetime
    """UTC, when the state began"""
    problem: str | None = None
    """why no pictures come, one line without secrets; None while they do, and before the first try has failed"""
    frames: int = 0
    """decoded since the source began"""
    reconnects: int = 0
    """times that pictures came again after an outage"""
    skipped: int = 0
    """pictures not decoded because decoding was slower than the stream"""
    damaged: int = 0
    """pictures refused by the decoder, or with holes that it filled"""
    width: int | None = None
    """pixels of the newest frame, after rotation; None before the first"""
    height: int | None = None
    """pixels of the newest frame, after rotation; None before the first"""
    rate_hz: float = 0.0
    """decoded frames a second, of late"""
    codec: str | None = None
    """FFmpeg's name of the decoder, `h264`; None before the first connection"""
    last_frame_at: datetime | None = None
    """UTC; None before the first"""


class HealthRecord:
    """Notes what happens to one source. On any thread."""

    def __init__(self, clock: Clock, park_after_s: float) -> None:
        self._clock = clock
        self._park_after_s = park_after_s
        self._lock = threading.Lock()
        self._state = State.CONNECTING
        self._since = clock.now()
        self._problem: str | None = None
        self._frames = self._reconnects = self._skipped = self._damaged = 0
        self._size: tuple[int, int] | None = None
        self._codec: str | None = None
        self._last_at: datetime | None = None
        self._seen_s = clock.monotonic_s()
        """of the newest frame, or when the source began"""
        self._rate = _Rate()

    @property
    def frames(self) -> int:
        """Decoded so far."""
        with self._lock:
            return self._frames

    def opened(self, codec: str) -> None:
        """A connection was made; nothing of it was decoded yet."""
        with self._lock:
            self._codec = codec

    def frame(self, width: int, height: int, at: datetime) -> bool:
        """A frame was decoded; whether it is the first after an outage."""
        with self._lock:
            first = self._state is not State.STREAMING and self._state is not State.CLOSED
            if first:
                self._reconnects += self._state is not State.CONNECTING
                self._enter(State.STREAMING)
                self._problem = None
            self._frames += 1
            self._size, self._last_at = (width, height), at
            self._seen_s = self._clock.monotonic_s()
            self._rate.count(self._seen_s)
            return first

    def lost(self, problem: str) -> bool:
        """No pictures come, or still none; whether that is news."""
        with self._lock:
            news = self._state in (State.CONNECTING, State.STREAMING)
            if news:
                self._enter(State.WAITING)
            self._problem = problem
            return news

    def skipped(self, pictures: int) -> None:
        """So many more were not decoded, to keep up."""
        with self._lock:
            self._skipped += pictures

    def damaged(self) -> None:
        """One more was refused, or has holes."""
        with self._lock:
            self._damaged += 1

    def closed(self) -> None:
        """The source has ended."""
        with self._lock:
            if self._state is not State.CLOSED:
                self._enter(State.CLOSED)

    def health(self) -> SourceHealth:
        """How it is now."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            state, since = self._state, self._since
            over_s = now_s - self._seen_s - self._park_after_s
            if state is State.WAITING and over_s >= 0.0:
                state, since = State.PARKED, self._clock.now() - timedelta(seconds=over_s)
            width, height = self._size or (None, None)
            return SourceHealth(
                state=state,
                since=since,
                problem=self._problem,
                frames=self._frames,
                reconnects=self._reconnects,
                skipped=self._skipped,
                damaged=self._damaged,
                width=width,
                height=height,
                rate_hz=self._rate.at(now_s) if state is State.STREAMING else 0.0,
                codec=self._codec,
                last_frame_at=self._last_at,
            )

    def _enter(self, state: State) -> None:
        self._state, self._since = state, self._clock.now()


class _Rate:
    """Frames a second over the last whole stretch of RATE_OVER_S."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._frames = 0
        self._hz = 0.0

    def count(self, now_s: float) -> None:
        if self._began_s is None:
            self._began_s, self._frames, self._hz = now_s, 0, 0.0
            return
        self._frames += 1
        if now_s - self._began_s >= RATE_OVER_S:
            self._hz = self._frames / (now_s - self._began_s)
            self._began_s, self._frames = now_s, 0

    def at(self, now_s: float) -> float:
        """The rate, also when frames have become rarer since it was counted."""
        if self._began_s is None or now_s <= self._began_s:
            return self._hz
        running_s = now_s - self._began_s
        if running_s < RATE_OVER_S and self._hz:
            return self._hz
        # A frame may be just about to come.
        return min(self._hz or self._frames / running_s, (self._frames + 1) / running_s)
