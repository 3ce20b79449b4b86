"""What is told of sightings that a killed monitor left open: every number once, and one `end`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

import pipeline.events
from pipeline.events import left_open
from pipeline.events.encode import encode
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.left_open import closing_events, left_over
from tests.events.left_open_sightings import NOW, records, story

SCHEMA = json.loads(Path(pipeline.events.__path__[0], "event.schema.json").read_text("utf-8"))
LATER = NOW + timedelta(hours=1)


def check_whole(told: list[IdentityEvent]) -> None:
    """A whole life of a sighting, each event as the contract has it."""
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert [event.type for event in told].count(EventType.END) == 1
    assert told[-1].type is EventType.END
    check = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    for event in told:
        check.validate(json.loads(encode(event)))


@given(st.data())
def test_every_number_is_told_once_wherever_the_kill_came(data: st.DataObject) -> None:
    """The spool may have lost its last events and pruned its first; note and row may be behind it, or ahead."""
    count = data.draw(st.integers(1, 6), "events that were stated")
    life = story(1, count, ended=count > 1 and data.draw(st.booleans(), "ended"))
    flushed = data.draw(st.integers(1, count), "of them on disk")
    pruned = data.draw(st.integers(0, flushed), "of them gone from the spool")
    notable = [event for event in life if event.type is not EventType.END]
    # What is pruned is older than a note may be, and a note is at most one event ahead of the disk.
    notable = notable[: flushed + 1]
    noted = data.draw(st.sampled_from(notable[max(pruned - 1, 0) :] or notable[-1:]), "noted last")
    kept_seq = data.draw(st.integers(0, count if life[-1].type is not EventType.END else 0), "kept")
    before = life[pruned - 1].published_at if pruned else NOW
    others = story(2, 9, ended=True, begun=before - timedelta(seconds=0.5))
    spool = sorted([*life[pruned:flushed], *others], key=lambda event: event.published_at)

    known = left_over([noted], records(spool))
    if pruned == flushed == count and life[-1].type is EventType.END:
        return  # its `end` was told before the spool forgot it: the note is a second old at most
    events = closing_events(known[noted.sighting_id], kept_seq, LATER)

    check_whole([*life[:flushed], *events])
    again = left_over([noted], records([*spool, *events]))
    assert closing_events(again[noted.sighting_id], kept_seq, LATER) == ()


def test_the_end_says_what_was_told_last() -> None:
    *_, last = story(1, 3)
    left = left_over([], records(story(1, 3)))[last.sighting_id]
    (end,) = closing_events(left, 3, LATER)
    assert end == replace(last, type=EventType.END, seq=4, published_at=LATER)


def test_a_sighting_that_was_noted_alone_is_closed() -> None:
    """Its events are so old that the spool has let them go."""
    last = story(1, 3)[-1]
    left = left_over([last], records(story(2, 2, ended=True, begun=LATER)))[last.sighting_id]
    assert [event.seq for event in closing_events(left, 1, LATER)] == [4]


def test_a_sighting_that_never_reached_the_disk_is_told_whole() -> None:
    first, last = story(1, 2, begun=LATER)
    left = left_over([last], records(story(2, 2, ended=True)))[last.sighting_id]
    check_whole(list(closing_events(left, 2, LATER)))
    assert first.event_id == closing_events(left, 2, LATER)[0].event_id


def test_a_correction_ends_nothing_and_opens_nothing() -> None:
    *_, last = story(1, 2)
    correction = replace(last, type=EventType.CORRECTION, seq=3)
    assert left_over([], records([correction])) == {}
    left = left_over([last], records([correction]))[last.sighting_id]
    assert [(e.type, e.seq) for e in closing_events(left, 0, LATER)] == [(EventType.END, 4)]


def test_few_of_those_that_ended_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_open, "ENDED_KEPT", 2)
    lives = [event for number in range(5) for event in story(number, 2, ended=True)]
    assert set(left_over([], records([*story(9, 1), *lives]))) == {
        "door:k3f9:9",
        "door:k3f9:3",
        "door:k3f9:4",
    }
