"""A monitor's sightings for the tests of what a kill leaves open: events that go on, and what a spool has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.event import EventType, IdentityEvent, Mode
from pipeline.events.spool.spool_record import SpoolRecord
from tests.events.strategies import an_event

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def story(number: int, count: int, *, ended: bool = False, begun: datetime = NOW) -> list[IdentityEvent]:
    """So many events of a sighting at the door, a second apart; the last is its `end` where it has ended."""
    told = [
        replace(
            an_event(number=number, seq=seq),
            mode=Mode.LIVE,
            first_seen_at=begun,
            published_at=begun + timedelta(seconds=seq),
        )
        for seq in range(1, count + 1)
    ]
    return [*told[:-1], replace(told[-1], type=EventType.END)] if ended else told


def records(events: Iterable[IdentityEvent]) -> Sequence[SpoolRecord]:
    """These events as a spool holds them."""
    return [
        SpoolRecord(Numbered(n, n, entry_of(event)), round(1000 * event.published_at.timestamp()))
        for n, event in enumerate(events, 1)
    ]
