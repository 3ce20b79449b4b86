"""A run of cameras beside other programs on the same gallery: what is written, and what is heard of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.schema import Config
from pipeline.assemble.strangers import side_of_cameras, strangers_of_cameras, strangers_of_replay
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.strangers.strangers import StrangerIds
from pipeline.gallery.recogniser import Recogniser
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import DATABASE_FILE, Store
from tests.colour_people import ColourDetector, colour_recognition
from tests.events.stated import stated

NEW, END = EventType.NEW, EventType.END
CONFIG = Config.model_validate({"gallery": {"follow_s": 0.01}, "matching": {"index": "exact"}})


@pytest.fixture
def recogniser() -> Recogniser:
    """Of the vectors' dimension; it never looks at a picture here."""
    return colour_recognition(ColourDetector(()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as store:
        yield store


@contextmanager
def watched(store: Store, recogniser: Recogniser) -> Iterator[StrangerIds]:
    """The strangers of a run of cameras, while it runs."""
    strangers = strangers_of_cameras(CONFIG, store, recogniser, lambda _: 0.7)
    strangers.open()
    try:
        yield strangers
    finally:
        strangers.close()


def tell(strangers: StrangerIds, *events: IdentityEvent) -> list[str | None]:
    """The ids that are told."""
    painted = [in_painted_vectors(event) for event in events]
    told = strangers.tell(painted)
    strangers.keep(told)
    return [event.stranger_id for event in told.events]


def in_painted_vectors(event: IdentityEvent) -> IdentityEvent:
    """As if its face had been described by the recogniser."""
    return replace(event, embedder="painted")


def until(done: Callable[[], bool]) -> None:
    """Ask until the answer is yes."""
    pause = threading.Event()
    for _ in range(2_000):
        if done():
            return
        pause.wait(0.005)
    pytest.fail("waited for too long")


def test_two_programs_know_each_others_strangers_while_both_run(
    store: Store, recogniser: Recogniser, tmp_path: Path
) -> None:
    with (
        Store(tmp_path) as others,
        watched(store, recogniser) as one,
        watched(others, recogniser) as other,
    ):
        (first,) = tell(one, stated(NEW, 1))

        def heard() -> bool:
            other.learn()
            return tell(other, stated(NEW, 1, shot=1, camera="yard")) == [first]

        until(heard)  # an id of its own becomes one seen before


def test_what_an_operator_says_holds_from_the_next_event_on(
    store: Store, recogniser: Recogniser, tmp_path: Path
) -> None:
    with watched(store, recogniser) as strangers:
        first, second = tell(strangers, stated(NEW, 1), stated(NEW, 2, person=2))
        kept = Strangers(store.database)
        until(lambda: kept.version() == 2)
        with Store(tmp_path) as others:
            Strangers(others.database).merge(str(second), str(first))
            Strangers(others.database).ignore(str(first))
        cameras = iter(range(10_000))

        def silent() -> bool:
            strangers.learn()
            return tell(strangers, stated(NEW, 1, person=2, shot=1, camera=f"yard-{next(cameras)}")) == []

        until(silent)


def test_a_locked_database_holds_up_no_event_and_is_caught_up_with(
    store: Store, recogniser: Recogniser, tmp_path: Path
) -> None:
    with watched(store, recogniser) as strangers:
        locker = sqlite3.connect(tmp_path / DATABASE_FILE, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        (found, again) = tell(strangers, stated(NEW, 1), stated(END, 1))
        assert found == again
        assert Sightings(store.database).of_stranger(str(found), 9) == ()
        locker.execute("ROLLBACK")
        locker.close()
    (kept,) = Sightings(store.database).of_stranger(str(found), 9)
    assert (kept.seq, kept.stands) == (2, True)


def test_a_replay_knows_nothing_of_an_earlier_one_of_itself(store: Store, recogniser: Recogniser) -> None:
    run = RunOfCamera("door", "k3f9")
    for _ in range(2):
        replay = strangers_of_replay(CONFIG, store, recogniser, lambda _: 0.7, [run])
        assert len({*tell(replay.ids, stated(NEW, 1), stated(END, 1))}) == 1
        replay.put_in_place(store)
        (kept,) = Strangers(store.database).listed()
        assert kept.sightings == 1


def test_after_a_change_of_the_model_open_sightings_keep_their_ids_and_its_book_counts(
    store: Store, recogniser: Recogniser
) -> None:
    with watched(store, recogniser) as strangers:
        (before,) = tell(strangers, stated(NEW, 1, person=1))
        strangers.expect("newer", side_of_cameras(CONFIG, store, recogniser, lambda _: 0.7))

        def by_newer(event: IdentityEvent) -> str | None:
            (told,) = strangers.tell([replace(event, embedder="newer")]).events
            return told.stranger_id

        assert by_newer(stated(EventType.UPDATE, 1, person=1)) == before
        # By the earlier model's vectors nobody is recognised any more, and what they say late does no harm.
        assert tell(strangers, stated(END, 1, person=1)) == [before]
        other = by_newer(stated(NEW, 2, person=2, at_s=30.0, since_s=29.0))
        assert other != before
        by_newer(stated(END, 2, person=2, at_s=31.0, since_s=29.0))
        assert by_newer(stated(NEW, 3, person=2, shot=1, at_s=60.0, since_s=59.0)) == other
