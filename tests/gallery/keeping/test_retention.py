"""What is kept too long goes, by a clock that is given; the rest stays."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.gallery.keeping.retention import RetentionRules, due, expire
from pipeline.gallery.keeping.snapshots import face_of, is_taken
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from tests.gallery.keeping.written_pictures import write_picture
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


def test_of_too_many_pictures_the_oldest_go_with_their_faces(store: Store, tmp_path: Path) -> None:
    made = []
    for number in range(10):
        path = write_picture(tmp_path, f"snapshots/2026-05-01/door{number % 2}/k-{number}.jpg", BEGUN, number)
        os.utime(path, (number, number))
        os.utime(face_of(path), (number, number))
        made.append(path)
    total = sum(path.stat().st_size + face_of(path).stat().st_size for path in made)
    rules = replace(FOR_GOOD, snapshots_bytes=total // 2)
    announced = due(store.database, tmp_path, rules, BEGUN)
    done = expire(store.database, tmp_path, rules, BEGUN)
    assert announced.counts["snapshots"] == done.snapshots
    assert [path.exists() for path in made] == [face_of(path).exists() for path in made]
    gone = [path.exists() for path in made].index(True)
    assert gone in (5, 6)
    assert [path.exists() for path in made] == [False] * gone + [True] * (10 - gone)
    assert expire(store.database, tmp_path, rules, BEGUN).snapshots == 0
    expire(store.database, tmp_path, replace(FOR_GOOD, snapshots_bytes=0), BEGUN)
    assert list((tmp_path / "snapshots").iterdir()) == []  # days and cameras without a picture go too


def test_what_goes_for_its_age_makes_room_for_others(store: Store, tmp_path: Path) -> None:
    old, young = (
        write_picture(tmp_path, f"snapshots/d/c/k-{number}.jpg", BEGUN, number) for number in (1, 2)
    )
    for path in (old, face_of(old)):
        os.utime(path, (0, 0))
    for path in (young, face_of(young)):
        os.utime(path, (BEGUN.timestamp(), BEGUN.timestamp()))
    size = young.stat().st_size + face_of(young).stat().st_size
    expire(store.database, tmp_path, replace(RULES, snapshots_bytes=size), BEGUN)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_sighting_stays_when_its_picture_goes(filled: Store, tmp_path: Path) -> None:
    expire(filled.database, tmp_path, replace(FOR_GOOD, snapshots_bytes=0), BEGUN)
    assert seen(filled) == 4
    (one,) = Sightings(filled.database).at([1]).values()
    assert one.snapshot == "snapshots/door/0.jpg"
    assert not is_taken(tmp_path, one.snapshot)


def test_a_picture_that_was_never_finished_goes(store: Store, tmp_path: Path) -> None:
    part = tmp_path / "snapshots" / "2026-05-01" / "door" / ".k-1.jpg.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"cut")
    os.utime(part, (BEGUN.timestamp(), BEGUN.timestamp()))
    assert expire(store.database, tmp_path, FOR_GOOD, BEGUN + timedelta(minutes=5)).snapshots == 0
    assert expire(store.database, tmp_path, FOR_GOOD, BEGUN + timedelta(minutes=15)).snapshots == 1
    assert not part.exists()
