"""Closing what a killed monitor left open, with a real spool, a real Redis and a real database."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.events.close_left_open import close_left_open
from pipeline.events.event import IdentityEvent
from pipeline.events.open_sightings import NOTHING_NOTED, OpenSightings, read_notes
from pipeline.events.spool.spooled_sink import SpooledSink
from pipeline.events.strangers.sighting_log import kept
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage import database, tables
from pipeline.gallery.storage.store import Store
from pipeline.gallery.vectors import to_bytes
from tests.events.left_open_sightings import NOW, story
from tests.events.spooling import STREAM, all_sent, until
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import face
from tests.redis_process import RedisProcess

RUN = RunOfCamera("door", "k3f9")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture
def sightings(store: Store) -> Sightings:
    return Sightings(store.database)


@pytest.fixture
def opened(tmp_path: Path) -> OpenSightings:
    """Of the next monitor, whose cameras do not run yet."""
    return OpenSightings(tmp_path / "open_sightings.jsonl", {})


def strange(events: list[IdentityEvent]) -> list[IdentityEvent]:
    """The same of somebody unknown."""
    return [replace(each, identity=None, stranger_id="s_41", candidates=()) for each in events]


def in_stream(redis_process: RedisProcess) -> dict[str, list[tuple[int, str]]]:
    told = defaultdict(list)
    with redis_process.client() as client:
        for _, fields in client.xrange(STREAM):
            event = json.loads(fields[b"event"])
            told[event["sighting_id"]].append((event["seq"], event["type"]))
    return dict(told)


def test_what_was_open_is_ended_once_and_kept_so(
    tmp_path: Path,
    opened: OpenSightings,
    spooled: SpooledSink,
    sightings: Sightings,
    redis_process: RedisProcess,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    one, two, three = strange(story(1, 3)), strange(story(2, 1)), strange(story(3, 2, ended=True))
    spooled.publish([*one, *two, *three])
    # The first was kept as its `new` had it, the second was not, the third lacks its `end`, the fourth was never told
    # of; another machine's is open too.
    elsewhere = sighting(5, run=RunOfCamera("door", "other"), over=False)
    never = replace(sighting(4, over=False), seq=0)
    rows = [kept(one[0], "s_41", 1, stands=False), kept(three[0], "s_41", 1, stands=False), never, elsewhere]
    sightings.write(rows)

    until(spooled, lambda state: state.unflushed == 0)
    assert close_left_open(opened, spooled, sightings, LATER) == 4
    assert caplog.messages[-1] == "closed 4 sightings that were open when the last monitor ended"
    assert sightings.left_open({RUN}) == ()
    assert len(sightings.left_open({RunOfCamera("door", "other")})) == 1
    found = {each.sighting_id: each for each in sightings.of_stranger("s_41", 9)}
    assert {key: (each.seq, each.over) for key, each in found.items()} == {
        "door:k3f9:1": (4, True),
        "door:k3f9:3": (2, True),
    }
    assert sightings.due() == ()

    until(spooled, lambda state: state.unflushed == 0)
    assert close_left_open(opened, spooled, sightings, LATER) == 0
    redis_process.start()
    until(spooled, all_sent)
    assert in_stream(redis_process) == {
        "door:k3f9:1": [(1, "new"), (2, "update"), (3, "update"), (4, "end")],
        "door:k3f9:2": [(1, "new"), (2, "end")],
        "door:k3f9:3": [(1, "new"), (2, "end")],
    }


def test_a_locked_database_is_left_for_the_next_start(
    tmp_path: Path,
    opened: OpenSightings,
    spooled: SpooledSink,
    sightings: Sightings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = strange(story(1, 2))
    killed = OpenSightings(tmp_path / "open_sightings.jsonl", {"door": "k3f9"})
    killed.leave(NOTHING_NOTED)
    killed.publish(told)
    killed.write()
    sightings.write([kept(told[0], "s_41", 1, stands=False)])
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    with Store(tmp_path) as impatient, sqlite3.connect(tmp_path / "gallery.db") as other:
        other.execute("BEGIN IMMEDIATE")
        close_left_open(opened, spooled, Sightings(impatient.database), LATER)
        other.rollback()
    other.close()
    assert "not kept so until the next start" in caplog.text
    assert len(sightings.left_open({RUN})) == 1
    opened.write()
    assert [each.seq for each in read_notes(tmp_path / "open_sightings.jsonl").last] == [3]

    until(spooled, lambda state: state.unflushed == 0)
    again = OpenSightings(tmp_path / "open_sightings.jsonl", {})
    assert close_left_open(again, spooled, sightings, LATER) == 1
    (row,) = sightings.of_stranger("s_41", 9)
    assert (row.seq, row.over) == (3, True)


def test_a_stranger_who_was_named_meanwhile_is_corrected_behind_the_end(
    store: Store, opened: OpenSightings, spooled: SpooledSink, sightings: Sightings
) -> None:
    (new,) = strange(story(1, 1))
    sightings.write([replace(kept(new, "s_41", 1, stands=True), vector=sighting(1).vector)])
    spooled.publish([new])
    until(spooled, lambda state: state.unflushed == 0)
    ann = Strangers(store.database).name("s_41", "Ann", RULES).person
    close_left_open(opened, spooled, sightings, LATER)
    (due,) = sightings.due()
    assert (due.told_seq, due.sighting.seq, due.sighting.person_id) == (2, 3, ann.id)


def test_a_vector_stays_one_of_its_own_model(
    store: Store, opened: OpenSightings, spooled: SpooledSink, sightings: Sightings
) -> None:
    """The model was changed after the row was kept: an update of the new one carries no vector to the database."""
    told = strange(story(1, 3))
    vector = face(1)
    before = kept(replace(told[0], embedder="older-1", template=vector), "s_41", 1, stands=False)
    spooled.publish(told)
    sightings.write([before])
    until(spooled, lambda state: state.unflushed == 0)
    assert close_left_open(opened, spooled, sightings, LATER) == 1
    with store.database.reading() as connection:
        row = connection.execute(select(tables.sightings)).one()
    assert (row.over, row.model_id, row.vector) == (True, "older-1", to_bytes(vector))
    assert told[-1].embedder != "older-1"
