"""Closing what a killed monitor left open: its `end` events, and its rows in the database."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from pipeline.errors import OutsideError, StoreError
from pipeline.events.event import IdentityEvent
from pipeline.events.left_open import closing_events, left_over, run_of
from pipeline.events.open_sightings import OpenNotes, OpenSightings
from pipeline.events.spool.spooled_sink import SpooledSink
from pipeline.events.strangers.sighting_log import kept
from pipeline.gallery.sightings.sighting_records import Sighting
from pipeline.gallery.sightings.sightings import Sightings

log = logging.getLogger(__name__)


def close_left_open(opened: OpenSightings, spooled: SpooledSink, sightings: Sightings, now: datetime) -> int:
    """Close every sighting of this data folder's cameras that is open; how many were ended or marked so.

    Call it while no camera runs, with the sink open: the spool is ours then, and what it and `opened` know of is no
    other machine's. What cannot be done is logged, and left for the next start; what was told is not told again.
    """
    try:
        notes = opened.read()
    except OutsideError as error:
        log.warning("%s; only what the spool tells of is closed", error)
        notes = OpenNotes()
    known = left_over(notes.last, spooled.kept())
    runs = notes.runs | {run_of(key) for key in known}
    opened.leave(OpenNotes(runs, notes.last))
    try:
        rows = {row.sighting.sighting_id: row for row in sightings.left_open(runs)}
    except StoreError as error:
        log.warning("sightings of the last monitor stay open until the next start: %s", error)
        return 0
    events = {
        key: closing_events(left, rows[key].told_seq if key in rows else 0, now)
        for key, left in known.items()
    }
    spooled.publish([event for each in events.values() for event in each])
    # One that is told of and not kept is not kept now either: somebody may have had it erased.
    ends = {key: events[key][-1] if events[key] else known[key].last for key in rows.keys() & known.keys()}
    try:
        sightings.write([_closed(end, rows[key].sighting) for key, end in ends.items()])
        sightings.close(rows.keys() - ends.keys())
    except StoreError as error:
        log.warning(
            "sightings of the last monitor are ended, and not kept so until the next start: %s", error
        )
        opened.leave(OpenNotes(runs, tuple(ends.values())))
    else:
        opened.settle()
    count = len(rows.keys() | {key for key, each in events.items() if each})
    if count:
        log.info("closed %d sightings that were open when the last monitor ended", count)
    return count


def _closed(end: IdentityEvent, before: Sighting) -> Sighting:
    """The sighting as it is kept now: as its `end` says, and what no event says as it was kept before.

    What an operator said of it meanwhile was said of its stranger or person, and holds (Sightings.write). A vector
    stays one of its own model: the last event may be of another, that serves since.
    """
    told = kept(end, end.stranger_id, end.seq, stands=before.stands and end.stranger_id is not None)
    model_id = told.model_id if before.vector is None else before.model_id
    return replace(
        told,
        model_id=model_id,
        vector=before.vector,
        explanation=before.explanation,
        nearest=before.nearest,
    )
