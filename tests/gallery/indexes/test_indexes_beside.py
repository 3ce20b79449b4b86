"""One thread searches every kind of index while another writes: what is not touched is found all the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from pipeline.gallery.indexes.index import Index
from tests.gallery.index_kinds import MAKERS, Make, faces, labels

KEPT = 400
ROUNDS = 25


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def beside(index: Index, write: Callable[[], None], check: Callable[[], None]) -> None:
    """Check again and again while a thread writes, and once more afterwards."""
    done = Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            write()
        except BaseException as error:  # noqa: BLE001  (told to the test below)
            failed.append(error)
        finally:
            done.set()

    thread = Thread(target=run)
    thread.start()
    # Who asks without a pause keeps the interpreter from the writer, for minutes where cores are idle.
    while not done.wait(0.001):
        check()
    thread.join()
    assert failed == []
    index.settle()
    check()


def test_the_untouched_are_found_while_others_come_and_go(make: Make, tmp_path: Path) -> None:
    vectors, probes = faces(KEPT // 4, 4, seed=1), faces(KEPT // 4, 1, seed=2)
    guests = faces(KEPT // 4, 1, seed=3, noise=1.0)  # far from everybody
    index = make()
    index.add(labels(0, KEPT), vectors)
    named = labels(0, KEPT)

    def write() -> None:
        for turn in range(ROUNDS):
            index.add(labels(1000, 1000 + len(guests)), guests)
            if turn == ROUNDS // 2:
                index.save(tmp_path)
            index.remove(labels(1000, 1000 + len(guests)))

    def check() -> None:
        found = index.search(probes[:10], 1).labels[:, 0]
        assert (found // 4).tolist() == list(range(10))
        assert (index.search(probes[:3], 1, among=named).labels[:, 0] // 4).tolist() == [0, 1, 2]
        assert index.vectors(labels(5, 6)).tobytes() == vectors[5:6].tobytes()

    beside(index, write, check)
    assert len(index) == KEPT


def test_a_template_is_found_as_soon_as_it_was_added_and_never_after_its_removal(make: Make) -> None:
    vectors = faces(KEPT, 1, seed=1)
    index = make()
    for start in range(0, KEPT, 20):
        some = labels(start, start + 20)
        index.add(some, vectors[some])
        assert index.search(vectors[some], 1).labels[:, 0].tolist() == some.tolist()
        if start % 40:
            index.remove(some)
            assert not set(index.search(vectors[some], 1).labels[:, 0].tolist()) & set(some.tolist())


def test_distances_belong_to_the_labels_they_come_with(make: Make) -> None:
    """A row that was used again must not give one template's distance under another's name."""
    vectors = faces(KEPT // 4, 4, seed=1)
    index = make()
    index.add(labels(0, KEPT), vectors)
    truth = {label: vectors[label % KEPT] for label in range(3 * KEPT)}

    def write() -> None:
        for turn in range(2):
            for start in range(turn * KEPT, (turn + 1) * KEPT, 50):
                index.remove(labels(start, start + 50))
                index.add(labels(start + KEPT, start + KEPT + 50), vectors[start % KEPT : start % KEPT + 50])

    def check() -> None:
        found = index.search(vectors[::97], 3)
        for row, probe in enumerate(vectors[::97]):
            for label, distance in zip(
                found.labels[row].tolist(), found.distances[row].tolist(), strict=True
            ):
                assert label == -1 or abs(float(np.sum((truth[label] - probe) ** 2)) - distance) < 1e-5

    beside(index, write, check)
    assert index.search(vectors[:1], 1).labels.tolist() == [[2 * KEPT]]
