"""Sightings that a killed monitor left open: what is known of them, and the events that close them.

Known is the last event of each that the monitor noted (events.open_sightings), and what lies in its spool. The spool
counts: what is not in it was not published, where it is young enough to be there. So an event that was noted and not
flushed before the kill is told now, under its own number.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.events.encode import EventFormatError, decode
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.gallery.sightings.sighting_records import RunOfCamera

ENDED_KEPT = 4096
"""sightings that have ended of which the last event is kept: as many may wait for the database (MAX_WAITING of
events.strangers.sighting_log)"""

END, CORRECTION = EventType.END.value.encode(), EventType.CORRECTION.value.encode()
"""as entries of the spool have it"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A sighting as the killed monitor left it."""

    last: IdentityEvent
    """the latest event of it that is known, but for corrections; its `end` where it has ended"""
    told: int
    """seq up to which its events were published, or lie in the spool to be"""


@dataclass(slots=True)
class _Spooled:
    """What the spool has of a sighting."""

    told: int = 0
    line: bytes | None = None
    """its latest event; None where there are corrections only: they follow an `end` that was there once"""


def left_over(noted: Iterable[IdentityEvent], spooled: Iterable[SpoolRecord]) -> Mapping[str, LeftOver]:
    """What is known of the sightings of a monitor that is gone: those left open, and those that ended last.

    Args:
        noted: last event of each sighting that was open when it was noted.
        spooled: all that the spool holds, in order.
    """
    first_ms: int | None = None
    found: dict[str, _Spooled] = {}
    ended: OrderedDict[str, None] = OrderedDict()
    for record in spooled:
        first_ms = record.at_ms if first_ms is None else first_ms
        entry = record.numbered.entry
        event = json.loads(entry.event)
        sighting_id = event["sighting_id"]
        there = found.setdefault(sighting_id, _Spooled())
        there.told = max(there.told, event["seq"])
        if entry.type != CORRECTION:
            there.line = entry.event
        if entry.type == END:
            ended[sighting_id] = None
        if len(ended) > ENDED_KEPT:
            found.pop(ended.popitem(last=False)[0], None)
    known = {
        key: LeftOver(last, each.told) for key, each in found.items() if (last := _last(each)) is not None
    }
    for event in noted:
        key, told = event.sighting_id, found.get(event.sighting_id, _Spooled()).told
        if key in known and (known[key].last.type is EventType.END or event.seq <= known[key].last.seq):
            continue
        known[key] = LeftOver(event, told or _told(event, first_ms))
    return known


def closing_events(left: LeftOver, kept_seq: int, now: datetime) -> tuple[IdentityEvent, ...]:
    """The events that close a sighting: its `end`, and before it whatever number would be missing; none if it is told.

    Args:
        kept_seq: up to which number the database has it as published. It is ahead where the kill came between the
            two; such a number may have been published too, so it is told again rather than given to the `end`.
        now: when they are made.
    """
    last = left.last
    ended = last.type is EventType.END
    top = last.seq if ended else max(last.seq, left.told, kept_seq)
    anew = replace(last, previous_identity=None, timings_ms=None, published_at=now)
    missing = (
        last
        if seq == last.seq
        else replace(anew, type=EventType.NEW if seq == 1 else EventType.UPDATE, seq=seq)
        for seq in range(left.told + 1, top + 1)
    )
    end = () if ended else (replace(anew, type=EventType.END, seq=top + 1),)
    return (*missing, *end)


def _told(noted: IdentityEvent, first_ms: int | None) -> int:
    """Up to which seq a sighting was told of that was noted, and of which the spool, from that time on, has nothing."""
    if first_ms is None or _ms(noted.published_at) <= first_ms:
        return noted.seq  # the spool has let it go
    # It is young enough to be there: it was never flushed.
    return 0 if _ms(noted.first_seen_at) > first_ms else noted.seq - 1


def _ms(time: datetime) -> int:
    return round(1000 * time.timestamp())


def _last(spooled: _Spooled) -> IdentityEvent | None:
    if spooled.line is None:
        return None
    try:
        return decode(spooled.line)
    except EventFormatError as error:
        log.warning("a sighting in the spool is passed over: %s", error)
        return None


def run_of(sighting_id: str) -> RunOfCamera:
    """The camera and run in a sighting's id.

    >>> run_of("hall:left:k3f9:17")
    RunOfCamera(camera='hall:left', run='k3f9')
    """
    camera, run, _ = sighting_id.rsplit(":", 2)
    return RunOfCamera(camera, run)
