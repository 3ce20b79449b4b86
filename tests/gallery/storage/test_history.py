"""The gallery's history under writers at once: numbered without a gap, and nobody sees change 8 before change 7."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
from sqlalchemy import func, select

from pipeline.gallery.storage import history
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import changes
from tests.gallery.people import template

WRITERS, WRITES = 3, 12
RENAMED = Happened(ChangeKind.PERSON_RENAMED, "p_000000000000")


def test_readers_see_the_history_grow_without_a_gap(make_store: Callable[[], Store]) -> None:
    done = Event()

    def write(number: int) -> None:
        with make_store() as store:
            for turn in range(WRITES):
                person = store.enroll(
                    f"Own {number} {turn}", [template(number, 2 * turn + s) for s in (0, 1)]
                )
                if turn % 3 == 1:
                    store.rename(person.person.id, f"Renamed {number} {turn}")
                if turn % 3 == 2:
                    store.merge(
                        person.person.id, store.enroll("Shared", [template(number, 100 + turn)]).person.id
                    )

    def read() -> int:
        seen, rounds = 0, 0
        with make_store() as store:
            # Who asks without a pause keeps the interpreter from the writers, for minutes where cores are idle.
            while not done.wait(0.001) or not rounds:
                with store.database.reading() as connection:
                    asked = select(func.count(), func.coalesce(func.max(changes.c.seq), 0)).select_from(
                        changes
                    )
                    count, last = connection.execute(asked).one()
                # A gap that is filled later is a change that a replica, which asks for those after `last`, misses.
                assert count == last >= seen
                seen = last
                rounds += 1
        return rounds

    with make_store():
        pass
    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            list(pool.map(write, range(WRITERS)))
        finally:
            done.set()
        assert all(reader.result() > 1 for reader in readers)
    with make_store() as store:
        told = store.changes_since(0)
        assert [change.seq for change in told] == list(range(1, store.version() + 1))
        assert sum(change.kind is ChangeKind.PERSON_MERGED for change in told) == WRITERS * WRITES // 3
        assert store.problems() == ()


def test_a_second_writer_waits_for_the_first_ones_commit(make_store: Callable[[], Store]) -> None:
    with make_store() as first, make_store() as second, make_store() as reader:
        with first.database.writing() as connection:
            assert history.note(connection, [RENAMED]) == 1
            later = Thread(target=second.enroll, args=("Ann", [template(1)]))
            later.start()
            later.join(0.1)
            assert later.is_alive()
            assert reader.version() == 0
        later.join(10)
        assert not later.is_alive()
        assert [change.kind for change in reader.changes_since(0)] == [
            RENAMED.kind,
            ChangeKind.TEMPLATE_ADDED,
        ]


def test_a_writer_reads_what_the_one_before_it_committed(make_store: Callable[[], Store]) -> None:
    """What it waited for: two programs that enrol one new name make one person."""
    with make_store() as store:
        with store.database.writing():
            pool = ThreadPoolExecutor(2)
            at_once = [pool.submit(enroll_shared, make_store, number) for number in range(2)]
        ids = {one.result(20) for one in at_once}
        pool.shutdown()
        assert [(one.person.id, one.templates) for one in store.people()] == [(ids.pop(), 2)]


def enroll_shared(make_store: Callable[[], Store], shot: int) -> str:
    with make_store() as store:
        return store.enroll("Shared", [template(1, shot)]).person.id


def test_a_transaction_that_fails_gives_its_numbers_back(store: Store) -> None:
    def fail() -> None:
        with store.database.writing() as connection:
            assert history.note(connection, [RENAMED, RENAMED]) == 2
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    assert store.version() == 0
    assert store.enroll("Ann", [template(1)]).version == 1
