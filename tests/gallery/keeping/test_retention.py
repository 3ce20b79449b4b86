"""What is kept too long goes, by a clock that is given; the rest stays."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.gallery.keeping.retention import RetentionRules, due, expire
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import sighting
from tests.gallery.people import MODEL, template
from tests.gallery.whole import picture

DAY = timedelta(days=1)
BEGUN = datetime(2026, 5, 1, 9, tzinfo=UTC)
RULES = RetentionRules(90 * DAY, 30 * DAY, 30 * DAY)
FOR_GOOD = RetentionRules(None, None, None)


@pytest.fixture
def filled(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Sightings of days 0 and 80: each day of Ann and of a stranger, with pictures."""
    ann = store.enroll("Ann", [template(1)]).person
    for day in (0, 80):
        monkeypatch.setattr(rows, "now", lambda day=day: BEGUN + day * DAY)
        name = f"snapshots/door/{day}.jpg"
        Sightings(store.database).write(
            [
                replace(sighting(day + 1, person=ann.id, stands=False), snapshot=name),
                sighting(day + 2, face_of=day + 5),
            ]
        )
        at = (BEGUN + day * DAY).timestamp()
        os.utime(picture(tmp_path, name), (at, at))
    monkeypatch.undo()
    return store


def seen(store: Store) -> int:
    return len(Sightings(store.database).at(range(1, 20)))


@pytest.mark.parametrize(
    ("day", "rules", "expected"),
    [
        (29, RULES, (0, 0, 0)),
        (31, RULES, (0, 1, 1)),
        (91, RULES, (2, 0, 1)),
        (115, RULES, (2, 1, 2)),
        (1000, RULES, (4, 0, 2)),
        (1000, FOR_GOOD, (0, 0, 0)),
        (1000, replace(FOR_GOOD, sightings=90 * DAY), (4, 0, 2)),
        (100, replace(FOR_GOOD, stranger_vectors=30 * DAY), (0, 1, 0)),
        (100, replace(FOR_GOOD, snapshots=30 * DAY), (0, 0, 1)),
        (31, replace(RULES, sightings=20 * DAY), (2, 0, 1)),
    ],
)
def test_what_is_too_old_goes(
    filled: Store, tmp_path: Path, day: int, rules: RetentionRules, expected: tuple[int, int, int]
) -> None:
    at = BEGUN + day * DAY
    vectors = len(Strangers(filled.database).known(MODEL).labels)
    announced = due(filled.database, tmp_path, rules, at)
    done = expire(filled.database, tmp_path, rules, at)
    assert announced.counts == done.counts
    assert (done.sightings, done.stranger_vectors, done.snapshots) == expected
    assert seen(filled) == 4 - expected[0]
    of_strangers = expected[0] // 2 + expected[1]
    assert len(Strangers(filled.database).known(MODEL).labels) == vectors - of_strangers
    assert len(list((tmp_path / "snapshots").rglob("*.jpg"))) == 2 - expected[2]
    again = expire(filled.database, tmp_path, rules, at)
    assert not any(again.counts.values())
    lines = (tmp_path / "audit.jsonl").read_text().splitlines() if any(expected) else []
    assert [json.loads(line)["erased"]["sightings"] for line in lines] == [expected[0]] * bool(any(expected))


def test_a_picture_that_a_younger_sighting_names_stays(filled: Store, tmp_path: Path) -> None:
    Sightings(filled.database).write([replace(sighting(9, face_of=9), snapshot="snapshots/door/0.jpg")])
    rules = replace(FOR_GOOD, sightings=90 * DAY)
    expire(filled.database, tmp_path, rules, rows.now() + DAY)
    assert (tmp_path / "snapshots" / "door" / "0.jpg").exists()
    assert not (tmp_path / "snapshots" / "door" / "80.jpg").exists()


def test_what_a_replay_has_just_written_stays_however_old_the_recording_is(
    store: Store, tmp_path: Path
) -> None:
    Sightings(store.database).write([replace(sighting(1), seen_at=datetime(1970, 1, 1, tzinfo=UTC))])
    expire(store.database, tmp_path, RULES, rows.now())
    assert seen(store) == 1


def test_people_past_their_date_are_forgotten(store: Store, tmp_path: Path) -> None:
    people = [store.enroll(f"Person {number}", [template(number)]).person for number in range(3)]
    store.set_person(people[0].id, retain_until=BEGUN)
    store.set_person(people[1].id, retain_until=BEGUN + DAY)
    assert due(store.database, tmp_path, RULES, BEGUN).people == (people[0].id,)
    done = expire(store.database, tmp_path, RULES, BEGUN, look=True)
    (gone,) = done.people
    assert (gone.id, gone.proved, done.left) == (people[0].id, True, ())
    assert len(store.people()) == 2
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(line["what"], line["step"], line["at"]) for line in lines] == [
        ("forget", "begun", "2026-05-01T09:00:00.000Z"),
        ("forget", "done", "2026-05-01T09:00:00.000Z"),
        ("expire", "done", "2026-05-01T09:00:00.000Z"),
    ]
