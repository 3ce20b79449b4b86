"""A sink that keeps what it is told: for tests, and for programs that read events in the same process."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.events.encode import encode
from pipeline.events.event import IdentityEvent


class MemorySink:
    """Keeps events in memory, without a limit; as strict about them as every other sink."""

    def __init__(self) -> None:
        self.events: list[IdentityEvent] = []
        self.lines: list[str] = []
        """each event as it would be published"""
        self._is_open = False

    def open(self) -> None:
        """Start taking events; those of an earlier opening are kept."""
        self._is_open = True

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Keep these events."""
        if not self._is_open:
            raise RuntimeError("the sink is not open")
        lines = [encode(event) for event in events]
        self.events += events
        self.lines += lines

    def close(self) -> None:
        """Stop taking events."""
        self._is_open = False
