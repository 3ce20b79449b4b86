"""What a gallery that is followed does with its index: beside a search, and when all of it is read anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from threading import enumerate as enumerate_threads

import pytest
from sqlalchemy import update

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.index import Neighbours
from pipeline.gallery.memory.early_stop import Owners
from pipeline.gallery.memory.following import FollowedGallery, Source
from pipeline.gallery.memory.opening import build_replica
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import gallery
from tests.gallery.memory.test_following import Clock, by_people, name_of
from tests.gallery.people import DIMENSION, MODEL, face, template


@pytest.fixture
def other(make_store: Callable[[], Store], store: Store) -> Iterator[Store]:
    """The same gallery, as another program has it open."""
    with make_store() as opened:
        yield opened


def test_a_version_that_shows_while_an_index_is_searched_is_the_answers(store: Store, other: Store) -> None:
    ann = other.enroll("Ann", [template(1)]).person
    other.enroll("Bob", [template(2)])
    beside: list[Callable[[], object]] = []

    class Beside(ExactIndex):
        def search(
            self, probes: F32, count: int, *, among: I64 | None = None, near: I64 | None = None
        ) -> Neighbours:
            found = super().search(probes, count, among=among, near=near)
            while beside:
                beside.pop()()
            return found

    replica = build_replica(store.database, MODEL, Beside(DIMENSION))
    followed = FollowedGallery(
        replica, Source(store.database, MODEL, lambda: replica), by_people, 0.005, Clock()
    )
    beside += [followed.step, lambda: other.forget(ann.id)]
    assert name_of(followed, face(1)) == "Bob"


def test_a_search_ends_however_often_versions_show_meanwhile(store: Store, other: Store) -> None:
    """A thread shows a version beside every look; the second look is not waited for, but waits for nobody."""
    ann = other.enroll("Ann", [template(1)]).person
    writers: list[Thread] = []

    def write() -> None:
        other.rename(ann.id, f"Ann {len(writers)}")
        followed.step()

    class Beside(ExactIndex):
        def search(
            self, probes: F32, count: int, *, among: I64 | None = None, near: I64 | None = None
        ) -> Neighbours:
            first = not writers
            writers.append(Thread(target=write))
            writers[-1].start()
            if first:
                writers[-1].join()
            return super().search(probes, count, among=among, near=near)

    replica = build_replica(store.database, MODEL, Beside(DIMENSION))
    followed = FollowedGallery(
        replica, Source(store.database, MODEL, lambda: replica), by_people, 0.005, Clock()
    )
    answer = followed.answer(face(1)[None], 1)
    writers[-1].join()
    assert len(writers) == 2
    assert (answer.state.version, answer.people[0][0].name) == (2, "Ann 1")
    assert followed.state.version == 3


def test_a_gallery_whose_thread_ended_answers_no_more(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather that than names of people who were forgotten since; the worker that asks says why it stops."""
    ended: list[type[BaseException]] = []
    monkeypatch.setattr("threading.excepthook", lambda args: ended.append(args.exc_type))

    class Broken(ExactIndex):
        def add(self, labels: I64, vectors: F32) -> None:
            if len(self):
                raise ArithmeticError("a bug")
            super().add(labels, vectors)

    other.enroll("Ann", [template(1)])
    replica = build_replica(store.database, MODEL, Broken(DIMENSION))
    source = Source(store.database, MODEL, lambda: replica)
    with FollowedGallery(replica, source, by_people, 0.005, Clock()) as followed:
        assert name_of(followed, face(1)) == "Ann"
        (thread,) = [each for each in enumerate_threads() if each.name == "gallery"]
        other.enroll("Bob", [template(2)])
        thread.join(10.0)
        with pytest.raises(RuntimeError, match="no longer followed"):
            followed.answer(face(1)[None], 1)
    assert ended == [ArithmeticError]
    assert name_of(followed, face(1)) == "Ann"


def test_the_index_of_a_gallery_that_was_replaced_is_told_when_to_stop(store: Store, other: Store) -> None:
    other.enroll("Ann", [template(1)])
    told: list[tuple[int, float]] = []

    class Stopping(ExactIndex):
        def know_owners(self, owners: Owners) -> None:
            """Nobody stops by them here."""

        def stop_below(self, accept: float) -> None:
            told.append((id(self), accept))

    def load() -> Replica:
        return build_replica(store.database, MODEL, Stopping(DIMENSION))

    followed = FollowedGallery(load(), Source(store.database, MODEL, load), lambda own: 1.0, 0.005, Clock())
    with other.database.writing() as connection:
        connection.execute(update(gallery).values(id="0" * 32))
    followed.step()
    assert told[-1] == (id(followed.replica.index), 1.0)
