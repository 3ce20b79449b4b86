"""Other programs' changes to the strangers, as a run of cameras hears of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.events.strangers.stranger_watch import AT_ONCE, StrangerWatch, in_pieces
from pipeline.gallery.comparable import Comparable
from pipeline.gallery.sightings.sighting_records import KnownStrangers, StrangerChange, StrangerChangeKind
from pipeline.gallery.sightings.stranger_book import StrangerNews
from tests.gallery.people import face
from tests.gallery.sightings.test_stranger_book import known, news

ADDED, REMOVED, NAMED = (
    StrangerChangeKind.VECTOR_ADDED,
    StrangerChangeKind.VECTOR_REMOVED,
    StrangerChangeKind.STRANGER_NAMED,
)


class MemoryHistory:
    """A history that a test writes; does not answer while it is `away`."""

    def __init__(self) -> None:
        self.changes: list[StrangerChange] = []
        self.away = False
        self.looks = threading.Semaphore(0)
        """one for each time that somebody asked for the version"""

    def note(self, kind: StrangerChangeKind, stranger_id: str, label: int | None = None) -> None:
        self.changes.append(StrangerChange(len(self.changes) + 1, kind, stranger_id, label))

    def version(self) -> int:
        self.looks.release()
        if self.away:
            raise StoreError("gallery.db: the disk does not answer as it should; check the disk")
        return len(self.changes)

    def changes_since(self, seq: int) -> Sequence[StrangerChange]:
        return tuple(self.changes[seq:])

    def known(self, comparable: Comparable, *, only: Sequence[int]) -> KnownStrangers:
        assert comparable == "model-a"
        return known({label: (f"s_{label}", face(label)) for label in sorted(only)}, ignored=["s_9"])


def until(done: Callable[[], bool]) -> None:
    """Ask until the answer is yes."""
    pause = threading.Event()
    for _ in range(10_000):
        if done():
            return
        pause.wait(0.001)
    pytest.fail("waited for too long")


@pytest.fixture
def history() -> MemoryHistory:
    return MemoryHistory()


def watching(history: MemoryHistory, version: int = 0) -> StrangerWatch:
    return StrangerWatch(history, "model-a", version, follow_s=0.001)


def test_changes_come_once_as_what_they_come_to(history: MemoryHistory) -> None:
    history.note(ADDED, "s_1", 1)
    watch = watching(history, version=1)  # known already
    watch.open()
    history.note(ADDED, "s_2", 2)
    history.note(ADDED, "s_3", 3)
    history.note(REMOVED, "s_3", 3)
    history.note(NAMED, "s_3")
    pieces: list[StrangerNews] = []

    def all_heard() -> bool:
        piece = watch.take()
        if piece is not None:
            pieces.append(piece)
        return any("s_3" in each.named for each in pieces)

    until(all_heard)
    watch.close()
    watch.close()
    assert {label for each in pieces for label in each.known.labels.tolist()} >= {2}
    assert 3 in {label for each in pieces for label in each.removed.tolist()}
    assert all(each.known.ignored == {"s_9"} for each in pieces)
    assert watch.take() is None


def test_a_database_that_is_away_is_told_of_once_and_caught_up_with(
    history: MemoryHistory, caplog: pytest.LogCaptureFixture
) -> None:
    history.away = True
    watch = watching(history)
    watch.open()
    for _ in range(3):
        assert history.looks.acquire(timeout=10.0)
    history.note(ADDED, "s_1", 1)
    history.away = False
    pieces: list[StrangerNews] = []

    def heard() -> bool:
        piece = watch.take()
        if piece is not None:
            pieces.append(piece)
        return bool(pieces)

    until(heard)
    watch.close()
    assert pieces[0].known.labels.tolist() == [1]
    assert [record.message for record in caplog.records] == [
        "strangers stay as they are known until the gallery answers: gallery.db: the disk does not answer as it "
        "should; check the disk"
    ]


def test_much_news_comes_in_pieces() -> None:
    many = news(
        {label: (f"s_{label}", face(label)) for label in range(1, 71)}, removed=[99], named=frozenset({"s_0"})
    )
    pieces = list(in_pieces(many))
    assert [len(piece.known.labels) for piece in pieces] == [AT_ONCE, AT_ONCE, 70 - 2 * AT_ONCE]
    assert [piece.removed.tolist() for piece in pieces] == [[99], [], []]
    joined = np.concatenate([piece.known.vectors for piece in pieces])
    assert np.array_equal(joined, many.known.vectors)
    assert all(piece.named == {"s_0"} for piece in pieces)


def test_news_without_a_vector_is_one_piece() -> None:
    (piece,) = in_pieces(news(merged={"s_1": "s_2"}))
    assert piece.known.merged == {"s_1": "s_2"}
