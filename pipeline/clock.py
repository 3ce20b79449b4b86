"""Time as a value that is passed in, so that what waits for seconds is tested without waiting."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


def utc_text(moment: datetime) -> str:
    """A time with its zone as UTC text with milliseconds, as events have it; raises ValueError without a zone.

    >>> utc_text(datetime(2024, 5, 1, 12, 0, 0, 66_999, tzinfo=UTC))
    '2024-05-01T12:00:00.066Z'
    """
    if moment.tzinfo is None:
        raise ValueError(f"times must have a zone, got {moment!r}")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


class Clock(Protocol):
    """Wall time for people, monotonic time for durations."""

    def now(self) -> datetime:
        """Wall time, UTC; may jump when the machine's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait until the event is set or the time has passed; whether it is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(timeout_s)


class ManualClock:
    """A clock that stands until it is advanced, by `advance` or by whoever waits on it.

    `wait` does not block: unless the event is set, the clock has moved on by the timeout when it returns, as it
    would have for somebody who slept. That fits one waiting thread at a time.
    """

    def __init__(self, start: datetime = datetime(1970, 1, 1, tzinfo=UTC)) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._passed_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        with self._lock:
            return self._passed_s

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if event.is_set():
            return True
        self.advance(max(0.0, timeout_s))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0.0:
            raise ValueError(f"time does not go back: {seconds} s")
        with self._lock:
            self._passed_s += seconds
