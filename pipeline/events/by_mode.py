"""A sink for events of both modes while cameras are watched: live ones behind those that wait, others directly."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.sink import EventSink


class ByMode:
    """Hands live events to a sink that is open, and stays so; others to one that is opened for them.

    So a correction of a camera's sighting is published behind the events of that sighting, also while those wait for
    a Redis that is away.
    """

    def __init__(self, live: EventSink, other: EventSink) -> None:
        """`live` is open."""
        self._live = live
        self._other = other
        self._opened = False

    def open(self) -> None:
        """Nothing yet: what is not live may never come."""

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Publish these events, those of recordings first: where that fails, none is published."""
        replayed = [event for event in events if event.mode is not Mode.LIVE]
        if replayed:
            if not self._opened:
                self._other.open()
                self._opened = True
            self._other.publish(replayed)
        live = [event for event in events if event.mode is Mode.LIVE]
        if live:
            self._live.publish(live)

    def close(self) -> None:
        """Close what was opened."""
        if self._opened:
            self._other.close()
        self._opened = False
