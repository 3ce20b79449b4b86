"""Every kind of index, saved and loaded, and against a plain dictionary under random calls."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.arrays import F32
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.indexes.index import Index
from tests.gallery.index_kinds import DIMENSION, MAKERS, Make, faces, labels, plain_labels

POOL = faces(40, 3, seed=5)


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def reloaded(index: Index) -> Index:
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        return type(index).load(Path(folder))


def test_what_was_saved_is_loaded_to_the_bit(make: Make) -> None:
    vectors, probes = faces(60, 5, seed=1), faces(60, 1, seed=2)
    index = make()
    index.add(labels(0, 300), vectors)
    index.remove(labels(40, 80))
    index.settle()
    again = reloaded(index)
    assert (len(again), again.dimension) == (260, DIMENSION)
    before, after = index.search(probes, 5), again.search(probes, 5)
    assert before.labels.tobytes() == after.labels.tobytes()
    assert before.distances.tobytes() == after.distances.tobytes()


def test_a_loaded_index_goes_on(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 200), vectors[:200])
    index.remove(labels(10, 20))
    again = reloaded(index)
    again.add(labels(200, 300), vectors[200:])
    again.remove(labels(0, 5))
    again = reloaded(again)
    kept = {label: vectors[label] for label in [*range(5, 10), *range(20, 300)]}
    assert len(again) == len(kept)
    found = again.search(vectors[::9], 3)
    assert found.labels.tolist() == [plain_labels(kept, probe, 3) for probe in vectors[::9]]
    with pytest.raises(ValueError, match="already"):
        again.add(labels(250, 251), vectors[:1])


def test_nothing_is_saved_and_loaded(make: Make) -> None:
    again = reloaded(make())
    assert len(again) == 0
    again.add(labels(3, 4), POOL[:1])
    assert again.search(POOL[:1], 1).labels.tolist() == [[3]]


def test_a_file_of_another_kind_or_length_is_refused(tmp_path: Path) -> None:
    index = HnswIndex(DIMENSION, exact_up_to=0)
    index.add(labels(0, 120), POOL)
    index.save(tmp_path)
    with pytest.raises(OSError, match=r"exact\.json"):
        ExactIndex.load(tmp_path)
    graph = tmp_path / "graph-0.bin"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-10])
    with pytest.raises(ValueError, match=r"graph-0\.bin"):
        HnswIndex.load(tmp_path)
    graph.write_bytes(whole)
    np.save(tmp_path / "labels.npy", labels(0, 119))
    with pytest.raises(ValueError, match="do not fit together"):
        HnswIndex.load(tmp_path)
    about = tmp_path / "hnsw.json"
    about.write_text(json.dumps({"index": "exact"}))
    with pytest.raises(ValueError, match="not of an index of kind hnsw"):
        HnswIndex.load(tmp_path)


class AgainstADictionary(RuleBasedStateMachine):
    """Random adds, removes and reloads; afterwards the index must say what the dictionary says."""

    make: Make = MAKERS["exact"]

    def __init__(self) -> None:
        super().__init__()
        self.index = type(self).make()
        self.truth: dict[int, F32] = {}

    @rule(rows=st.lists(st.integers(0, len(POOL) - 1), max_size=30), first=st.integers(0, 200))
    def add(self, rows: list[int], first: int) -> None:
        new = [first + 3 * place for place in range(len(rows))]
        kept = [(label, row) for label, row in zip(new, rows, strict=True) if label not in self.truth]
        self.index.add(
            np.array([label for label, _ in kept], np.int64),
            POOL[[row for _, row in kept]].reshape(-1, DIMENSION),
        )
        self.truth.update({label: POOL[row] for label, row in kept})

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        gone = data.draw(st.lists(st.sampled_from(sorted(self.truth)), unique=True, max_size=25))
        self.index.remove(np.array(gone, np.int64))
        for label in gone:
            del self.truth[label]

    @rule()
    def settle(self) -> None:
        self.index.settle()

    @rule()
    def restart(self) -> None:
        self.index = reloaded(self.index)

    @rule(row=st.integers(0, len(POOL) - 1), named=st.none() | st.sets(st.integers(0, 300), max_size=40))
    def search(self, row: int, named: set[int] | None) -> None:
        known = {label: vector for label, vector in self.truth.items() if named is None or label in named}
        among = None if named is None else np.array(sorted(named), np.int64)
        found = self.index.search(POOL[row][None], 2, among=among)
        expected = plain_labels(known, POOL[row], 2)
        assert found.labels[0].tolist() == expected + [-1] * (2 - len(expected))

    @invariant()
    def has_as_many(self) -> None:
        assert len(self.index) == len(self.truth)

    def teardown(self) -> None:
        kept = np.array(sorted(self.truth), np.int64)
        expected = [self.truth[label] for label in kept.tolist()]
        assert self.index.vectors(kept).tobytes() == np.array(expected, np.float32).tobytes()


@pytest.mark.parametrize("kind", MAKERS)
def test_random_calls_agree_with_a_dictionary(kind: str) -> None:
    machine = type(f"Against_{kind}", (AgainstADictionary,), {"make": staticmethod(MAKERS[kind])})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=10, stateful_step_count=12, deadline=None)
    )
