"""The gallery of a run in real time: what others write shows a moment later, whole, and searches never mix versions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import text, update

from pipeline.arrays import F32
from pipeline.errors import BadInputError
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory.contents import BLOCK_ROWS
from pipeline.gallery.memory.following import LONGEST_REST, QUIET, REST, Derive, FollowedGallery, Source
from pipeline.gallery.memory.opening import build_replica
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewPerson
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import change_counter, changes, gallery
from pipeline.gallery.storage.watchlists import Watchlists
from pipeline.types import Candidate, GalleryState
from tests.gallery.people import DIMENSION, MODEL, face, template

SHOWS_S = 20.0
"""until a change must show; it takes a few milliseconds, but test machines stand still at times"""


def by_people(own: OwnPairs) -> float:
    """A distance for names that tells of how many people it was derived."""
    return 1.0 + own.people / 1000.0


@dataclass
class Clock:
    """Seconds that pass when somebody is looked at, `took_s` each time."""

    took_s: float = 1.0
    at_s: float = 0.0
    derived: list[int] = field(default_factory=list)
    """how many people there were each time"""

    def __call__(self) -> float:
        return self.at_s

    def derive(self, own: OwnPairs) -> float:
        self.derived.append(own.people)
        self.at_s += self.took_s
        return by_people(own)


def follow(
    store: Store, derive: Derive = by_people, kind: str = "hnsw", clock: Clock | None = None
) -> FollowedGallery:
    def load() -> Replica:
        index: Index = choose_index(kind, DIMENSION)
        return build_replica(store.database, MODEL, index)

    source = Source(store.database, MODEL, load)
    now = clock if clock is not None else Clock()
    return FollowedGallery(load(), source, derive, 0.005, now)


def nearest(followed: FollowedGallery, probe: F32) -> Candidate | None:
    (found,) = followed.answer(probe[None], 1).people
    return found[0] if found else None


def name_of(followed: FollowedGallery, probe: F32) -> str | None:
    found = nearest(followed, probe)
    return None if found is None else found.name


def among(followed: FollowedGallery, probe: F32, watchlist: str) -> list[str]:
    return [one.name for one in followed.answer(probe[None], 5, watchlists=frozenset({watchlist})).people[0]]


@pytest.fixture
def other(make_store: Callable[[], Store], store: Store) -> Iterator[Store]:
    """The same gallery, as another program has it open."""
    with make_store() as opened:
        yield opened


def test_whatever_another_program_writes_shows(store: Store, other: Store) -> None:
    ann = other.enroll("Ann", [template(1)]).person
    with follow(store) as followed:
        assert name_of(followed, face(1)) == "Ann"
        bob = other.enroll("Bob", [template(2), template(2, 1)])
        assert followed.wait_for(bob.version, SHOWS_S)
        assert name_of(followed, face(2)) == "Bob"
        assert followed.state == GalleryState(3, 1.002)
        other.rename(ann.id, "Anna")
        assert followed.wait_for(other.version(), SHOWS_S)
        assert name_of(followed, face(1)) == "Anna"
        other.merge(bob.person.id, ann.id)
        assert followed.wait_for(other.version(), SHOWS_S)
        assert name_of(followed, face(2)) == "Anna"
        other.forget(ann.id)
        assert followed.wait_for(other.version(), SHOWS_S)
        assert nearest(followed, face(1)) is None
    assert len(followed.replica.index) == 0


def test_watchlists_show_on_the_candidates_and_narrow_a_search(store: Store, other: Store) -> None:
    lists = Watchlists(other.database)
    ann, bob = (other.enroll(name, [template(k)]).person for k, name in ((1, "Ann"), (2, "Bob")))
    lists.create("staff", "may pass")
    lists.add("staff", [bob.id])
    followed = follow(store)

    def on(probe: F32) -> list[str]:
        found = nearest(followed, probe)
        assert found is not None
        return [one.name for one in found.watchlists]

    assert on(face(2)) == ["staff"]
    lists.create("guests", "are met")
    lists.add("guests", [ann.id, bob.id])
    followed.step()
    assert (on(face(1)), on(face(2))) == (["guests"], ["guests", "staff"])
    assert [
        one.name for one in followed.replica.search(face(1)[None], 5, watchlists=frozenset({"staff"}))[0]
    ] == ["Bob"]
    lists.delete("staff")
    lists.remove("guests", [bob.id])
    followed.step()
    assert [
        one.name for one in followed.replica.search(face(2)[None], 5, watchlists=frozenset({"guests"}))[0]
    ] == ["Ann"]
    assert (on(face(1)), on(face(2))) == (["guests"], [])


@pytest.mark.parametrize(
    ("kind", "many"), [(kind, BLOCK_ROWS + 50 if kind == "hnsw" else 200) for kind in INDEXES]
)
def test_many_at_once(store: Store, other: Store, kind: str, many: int) -> None:
    ann = other.enroll("Ann", [template(1)]).person
    followed = follow(store, kind=kind)
    new = [NewPerson(f"Person {k}", (template(k),)) for k in range(10, 10 + many)]
    enrolled = other.enroll_many(new)
    other.rename(enrolled[5].person.id, "Carl")
    other.merge(enrolled[7].person.id, ann.id)
    other.forget(enrolled[6].person.id)
    followed.step()
    assert followed.state.version == other.version()
    assert [name_of(followed, face(k)) for k in (15, 17, 18)] == ["Carl", "Ann", "Person 18"]
    assert name_of(followed, face(16)) != "Person 16"
    assert len(followed.replica) == len(followed.replica.index) == many


def test_an_answer_is_of_the_version_that_the_state_names(store: Store, other: Store) -> None:
    """Ann is renamed, forgotten and enrolled again and again; what is found tells which version it is of."""
    ann = other.enroll("Ann", [template(1)]).person
    other.enroll("Bob", [template(2)])
    expected: dict[int, str] = {other.version(): "Ann"}
    wrong: list[str] = []
    seen: set[int] = set()
    followed = follow(store)
    over = Event()

    def watch() -> None:
        # It rests a moment each time: who asks without a pause keeps the interpreter from everybody else.
        while not over.wait(0.001) and (len(seen) < 20 or followed.state.version < last):
            before = followed.state
            found = name_of(followed, face(1))
            if followed.state == before:
                seen.add(before.version)
                if before.version in expected and found != expected[before.version]:
                    wrong.append(f"{found} at {before.version}, not {expected[before.version]}")

    version, last = other.version(), other.version() + 3 * 40
    for turn in range(40):
        expected |= {version + 1: f"Ann {turn}", version + 2: "Bob", version + 3: f"Ann again {turn}"}
        version += 3
    watching = Thread(target=watch, daemon=True)
    with followed:
        watching.start()
        try:
            for turn in range(40):
                other.rename(ann.id, f"Ann {turn}")
                other.forget(ann.id)
                ann = other.enroll(f"Ann again {turn}", [template(1)]).person
            assert followed.wait_for(last, SHOWS_S), f"at {followed.state.version}, not {last}"
            while watching.is_alive() and len(seen) < 20:
                other.rename(ann.id, f"Later {len(seen)} {other.version()}")
            watching.join(SHOWS_S)
            assert not watching.is_alive()
        finally:
            over.set()
    assert wrong == []


@pytest.mark.parametrize("restored", ["another id", "an older version", "another history"])
def test_a_gallery_that_was_replaced_is_read_anew(
    store: Store, other: Store, restored: str, caplog: pytest.LogCaptureFixture
) -> None:
    other.enroll("Ann", [template(1)])
    bob = other.enroll("Bob", [template(2)]).person
    followed = follow(store)
    with other.database.writing() as connection:
        if restored == "another id":
            connection.execute(update(gallery).values(id="0" * 32))
        elif restored == "an older version":
            connection.execute(update(change_counter).values(seq=1))
        else:
            connection.execute(update(changes).where(changes.c.seq == 2).values(person_id="p_000000000000"))
        # Nothing in the history tells of this: only who reads everything sees it.
        connection.execute(text("UPDATE people SET name = 'Robert' WHERE id = :id"), {"id": bob.id})
    with caplog.at_level(logging.WARNING):
        followed.step()
    assert "the gallery was replaced" in caplog.text
    assert name_of(followed, face(2)) == "Robert"
    caplog.clear()
    followed.step()
    assert caplog.text == ""


def test_deriving_the_distance_for_names_waits_for_a_quiet_moment(store: Store, other: Store) -> None:
    for person in range(20):
        other.enroll(f"Person {person}", [template(person)])
    clock = Clock(took_s=1.0)
    followed = follow(store, clock.derive, clock=clock)
    assert (clock.derived, followed.state.max_distance) == ([20], 1.02)
    clock.at_s += REST
    other.enroll("Ann", [template(100)])
    followed.step()
    assert followed.state == GalleryState(21, 1.02)
    clock.at_s += QUIET
    followed.step()
    assert (clock.derived, followed.state) == ([20, 21], GalleryState(21, 1.021))
    followed.step()
    assert clock.derived == [20, 21]
    ann = other.find("Ann").id
    for turn in range(int(LONGEST_REST) - 1):
        clock.at_s += 1.0
        other.rename(ann, f"Ann {turn}")
        followed.step()
    assert clock.derived == [20, 21]
    clock.at_s += 1.0
    other.rename(ann, "Ann")
    followed.step()
    assert clock.derived == [20, 21, 21]


def test_a_gallery_that_has_grown_much_is_shown_with_a_distance_of_its_own(
    store: Store, other: Store
) -> None:
    for person in range(20):
        other.enroll(f"Person {person}", [template(person)])
    clock = Clock(took_s=1.0)
    followed = follow(store, clock.derive, clock=clock)
    other.enroll_many([NewPerson(f"New {k}", (template(200 + k),)) for k in range(10)])
    followed.step()
    assert (clock.derived, followed.state) == ([20, 30], GalleryState(30, 1.03))


def test_a_distance_that_cannot_be_derived_stays(
    store: Store, other: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def derive(own: OwnPairs) -> float:
        if own.people:
            raise BadInputError("the statistics of strangers are gone")
        return 0.9

    followed = follow(store, derive)
    other.enroll("Ann", [template(1)])
    with caplog.at_level(logging.WARNING):
        followed.step()
    assert followed.state == GalleryState(1, 0.9)
    assert "statistics of strangers are gone; names are given below 0.90 as before" in caplog.text


def test_templates_of_another_model_change_nothing_but_the_version(store: Store, other: Store) -> None:
    followed = follow(store)
    ann = other.enroll("Ann", [template(1, model_id="model-b", dimension=8)])
    followed.step()
    assert followed.state.version == ann.version
    assert nearest(followed, face(1)) is None
    assert followed.replica.people == {ann.person.id: "Ann"}


def test_it_ends_when_asked_and_begins_once(store: Store, other: Store, tmp_path: Path) -> None:
    followed = follow(store)
    followed.start()
    with pytest.raises(RuntimeError, match="followed already"):
        followed.start()
    followed.close()
    other.enroll("Ann", [template(1)])
    assert followed.state.version == 0
    assert not followed.wait_for(1, 0.0)
