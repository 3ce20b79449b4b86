"""What is HNSW's own: projections, growth over several graphs, work behind the searches, forgetting.

What every index promises is in test_indexes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.graph import Graph, graph_layout
from pipeline.gallery.indexes.hnsw import EXACT_UP_TO, HnswIndex, walk_width
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.indexes.label_rows import LabelRows
from pipeline.gallery.indexes.linking import GraphSet
from pipeline.gallery.indexes.projection import Projection, learn_projection
from tests.gallery.index_kinds import faces, labels, unit

WIDE = 96


def flat_faces(people: int, seed: int, each: int = 1) -> F32:
    """Photos of people who vary in 40 of 96 directions, as real vectors vary in few of theirs."""
    directions = np.linalg.qr(np.random.default_rng(3).normal(size=(WIDE, 40)))[0].T
    return unit(faces(people, each, seed, noise=0.08, dimension=40) @ directions)


def both(vectors: F32, index: Index) -> tuple[Index, ExactIndex]:
    exact = ExactIndex(vectors.shape[1])
    for some in (index, exact):
        some.add(labels(0, len(vectors)), vectors)
    index.settle()
    return index, exact


def agreement(index: Index, exact: Index, probes: F32, among: I64 | None = None) -> float:
    found, truth = index.search(probes, 1, among=among), exact.search(probes, 1, among=among)
    same = found.labels == truth.labels
    assert found.distances[same].tobytes() == truth.distances[same].tobytes()
    return float(same.mean())


def test_few_are_searched_exactly_and_many_by_walks() -> None:
    index = HnswIndex(8)
    assert index.exact
    index.add(labels(0, EXACT_UP_TO), unit(np.random.default_rng(1).normal(size=(EXACT_UP_TO, 8))))
    assert index.exact
    index.add(labels(EXACT_UP_TO, EXACT_UP_TO + 1), unit(np.ones((1, 8))))
    assert not index.exact
    index.remove(labels(0, 2))
    assert index.exact


def test_walks_along_projections_find_what_exact_search_finds(tmp_path: Path) -> None:
    index, exact = both(flat_faces(1500, 1, 2), HnswIndex(WIDE, exact_up_to=0))
    assert agreement(index, exact, flat_faces(1500, 2)[:300]) >= 0.99
    index.save(tmp_path)
    projection = Projection.load(tmp_path / "projection.npz")
    assert (projection.dimension, len(projection.centre)) == (48, WIDE)


def test_growing_opens_graphs_and_makes_one_of_them(tmp_path: Path) -> None:
    vectors = flat_faces(1500, 1, 2)
    index, exact = HnswIndex(WIDE, exact_up_to=0, room=300), ExactIndex(WIDE)
    graphs = []
    for turn, start in enumerate(range(0, 3000, 250)):
        for some in (index, exact):
            some.add(labels(start, start + 250), vectors[start : start + 250])
        folder = tmp_path / str(turn)
        folder.mkdir()
        index.save(folder)
        graphs.append(len(list(folder.glob("graph-*"))))
    assert set(graphs) == {1, 2}
    assert any(later < earlier for earlier, later in pairwise(graphs))
    assert agreement(index, exact, flat_faces(1500, 2)[:200]) >= 0.99


@contextmanager
def held_up(monkeypatch: pytest.MonkeyPatch, work: str) -> Iterator[Event]:
    """Such work behind searches does not begin before the end; the event is set when it would."""
    begun, go = Event(), Event()
    do = getattr(GraphSet, work)

    def wait(graphs: GraphSet, what: object) -> Iterator[None]:
        begun.set()
        assert go.wait(20.0)
        yield from do(graphs, what)

    monkeypatch.setattr(GraphSet, work, wait)
    try:
        yield begun
    finally:
        go.set()


@pytest.mark.parametrize("work", ["_link", "_replace"])
def test_the_newest_are_found_before_they_are_linked(monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    vectors = flat_faces(1500, 1)
    index = HnswIndex(WIDE, exact_up_to=0, room=300)
    with held_up(monkeypatch, work) as begun:
        for start in range(0, 1500, 250):
            index.add(labels(start, start + 250), vectors[start : start + 250])
        assert begun.wait(20.0)
        assert index.search(vectors, 1).labels.ravel().tolist() == list(range(1500))
    index.settle()


def test_who_was_removed_is_not_found_before_they_are_put_away(monkeypatch: pytest.MonkeyPatch) -> None:
    index, exact = both(flat_faces(1500, 1), HnswIndex(WIDE, exact_up_to=0))
    with held_up(monkeypatch, "_bury") as begun:
        for some in (index, exact):
            some.remove(labels(0, 100))
        assert begun.wait(20.0)
        found = index.search(flat_faces(1500, 1)[:200], 3)
        assert found.labels.min() >= 100
        assert agreement(index, exact, flat_faces(1500, 1)[:200]) >= 0.99
    index.settle()


def test_many_replaced_are_found_as_well_as_fresh_ones() -> None:
    vectors = flat_faces(1500, 1, 2)
    index, exact = both(vectors[:1500], HnswIndex(WIDE, exact_up_to=0))
    for start in range(0, 1400, 100):
        for some in (index, exact):
            some.remove(labels(start, start + 100))
            some.add(labels(start + 1500, start + 1600), vectors[start + 1500 : start + 1600])
    index.settle()
    assert agreement(index, exact, flat_faces(1500, 2)[750:]) >= 0.99


def test_most_removed_at_once_leave_the_others_findable(tmp_path: Path) -> None:
    index, exact = both(flat_faces(1500, 1, 2), HnswIndex(WIDE, exact_up_to=0))
    for some in (index, exact):
        some.remove(labels(500, 3000))
    index.settle()
    assert agreement(index, exact, flat_faces(1500, 2)[:250]) >= 0.99
    index.save(tmp_path)
    assert (tmp_path / "graph-0.bin").stat().st_size < 500 * 1000


def test_a_selection_is_searched_by_walks_where_it_is_large() -> None:
    index, exact = both(flat_faces(1500, 1, 2), HnswIndex(WIDE, exact_up_to=0))
    probes = flat_faces(1500, 2)[:150]
    for named in (labels(0, 3000)[::2], labels(0, 3000)[::100], labels(5, 2900)):
        assert agreement(index, exact, probes, named) >= 0.99


def test_the_same_calls_make_the_same_file(tmp_path: Path) -> None:
    vectors = flat_faces(600, 1, 2)
    written = []
    for turn in range(2):
        index = HnswIndex(WIDE, exact_up_to=100, room=200)
        for start in range(0, 1200, 150):
            index.add(labels(start, start + 150), vectors[start : start + 150])
            index.remove(labels(start, start + 7))
            if turn:  # however far linking has come in between
                index.settle()
        folder = tmp_path / str(turn)
        folder.mkdir()
        index.save(folder)
        files = sorted(folder.glob("graph-*.bin"))
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


def test_a_removed_vector_is_in_no_file(tmp_path: Path) -> None:
    vectors = flat_faces(600, 1, 2)
    index = HnswIndex(WIDE, exact_up_to=0)
    index.add(labels(0, 1200), vectors)
    index.remove(labels(17, 19))
    index.save(tmp_path)
    projected = Projection.load(tmp_path / "projection.npz")(vectors)
    layout = graph_layout(tmp_path / "graph-0.bin")
    nodes = np.memmap(tmp_path / "graph-0.bin", layout.node, "r", layout.offset, (layout.count,))
    full = (tmp_path / "vectors.npy").read_bytes()
    for label, there in ((16, True), (17, False), (18, False), (19, True)):
        assert (vectors[label].tobytes() in full) == there
        apart = np.abs(nodes["vector"] - projected[label]).max(axis=1)
        assert (apart.min() < 1e-5) == there


def test_a_graph_without_room_says_so() -> None:
    graph = Graph(learn_projection(unit(np.eye(8))), room=2)
    vectors = unit(np.eye(8))
    graph.link(labels(0, 2), vectors[:2])
    with pytest.raises(RuntimeError):
        graph.link(labels(2, 3), vectors[2:3])
    assert graph.walk(vectors[0], 5, 10) is not None
    graph.bury(1)
    graph.bury(1)
    assert len(graph) == 1


def test_axes_keep_most_of_the_variance() -> None:
    vectors = flat_faces(2000, 1)
    projection = learn_projection(vectors)
    centred = vectors - vectors.mean(axis=0)
    kept = np.sum(projection(vectors) ** 2) / np.sum(centred**2)
    assert 0.95 <= kept <= 1.0
    few = learn_projection(vectors[:100])
    assert few(vectors[:3]).tobytes() == vectors[:3].tobytes()
    alike = learn_projection(np.repeat(vectors[:1], 2000, axis=0))
    assert np.allclose(alike(vectors[:1]), 0.0, atol=1e-6)


def test_wider_walks_in_larger_galleries() -> None:
    widths = [walk_width(size) for size in (0, 10, 10_000, 100_000, 1_000_000, 10_000_000)]
    assert widths == sorted(widths)
    assert widths[0] >= 24


def test_rows_of_labels_in_any_order() -> None:
    rows = LabelRows()
    rows.add(np.array([5, 3, 9], np.int64), np.array([0, 1, 2], np.int64))
    rows.add(np.array([4, 12], np.int64), np.array([3, 4], np.int64))
    rows.remove(np.array([9], np.int64))
    rows.add(np.array([9], np.int64), np.array([7], np.int64))
    assert rows.find(np.array([3, 4, 5, 9, 12, 13, -1], np.int64)).tolist() == [1, 3, 0, 7, 4, -1, -1]
    rows.remove(np.array([3, 4, 5, 9, 12], np.int64))
    assert len(rows) == 0
    assert rows.find(np.array([3], np.int64)).tolist() == [-1]
