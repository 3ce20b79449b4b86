"""ML-ANN: exact where it may look at everything, within its budget otherwise, and never bold about names.

What every index promises is in test_indexes.py.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.mlann import MlannIndex
from pipeline.gallery.indexes.mlann_axes import AxisReferences, principal_axes
from pipeline.gallery.indexes.mlann_full import Evidence
from pipeline.gallery.indexes.mlann_settings import Settings
from pipeline.gallery.indexes.mlann_visit import SLACK, Limits, Visit
from pipeline.gallery.vectors import squared_l2
from tests.gallery.mlann_faces import (
    AXES,
    BOTH,
    DIMENSION,
    FULL,
    everything,
    faces,
    filled,
    labels,
    spent_on,
    unit,
)


@given(
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, DIMENSION),
    st.sampled_from([FULL, AXES, Settings(full_up_to=120)]),
)
@settings(max_examples=80, deadline=None)
def test_with_the_whole_gallery_as_budget_it_is_exact_bit_for_bit(
    size: int, seed: int, count: int, rank: int, tuned: Settings
) -> None:
    """In spaces of any rank, with duplicates and opposites among the templates."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(rank, DIMENSION))
    vectors = unit(rng.normal(size=(size, rank)) @ basis)
    vectors[rng.integers(size, size=size // 4)] = vectors[0]
    vectors[rng.integers(size, size=size // 8)] = -vectors[0]
    probes = np.concatenate((unit(rng.normal(size=(3, rank)) @ basis), vectors[:1], -vectors[:1]))
    index, exact = MlannIndex(DIMENSION, everything(tuned)), ExactIndex(DIMENSION)
    for each in (index, exact):
        each.add(labels(0, size), vectors)
    found, truth = index.search(probes, count), exact.search(probes, count)
    assert found.labels.tobytes() == truth.labels.tobytes()
    assert found.distances.tobytes() == truth.distances.tobytes()
    assert index.spent.certain == index.spent.searches


@BOTH
def test_no_template_is_lost_and_none_looked_at_twice(tuned: Settings) -> None:
    """The published code swaps pivots to the front and can lose one candidate and check another twice."""
    vectors = faces(300, seed=1)
    index = filled(tuned, vectors)
    visit = Visit(vectors[3], vectors, Limits(10**6, 300, 0.0), np.zeros(300, np.bool_))
    index._references.search(visit)
    assert sorted(np.concatenate(visit.rows).tolist()) == list(range(300))
    assert visit.certain
    assert visit.spent == 300 + index._references.cost


@given(
    st.integers(1, 400),
    st.floats(0.01, 0.99),
    st.integers(1, 60),
    st.integers(1, 20),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_budget_is_never_exceeded(
    size: int, budget: float, least: int, count: int, full: bool, stop: bool
) -> None:
    tuned = Settings(budget, least, 10**6 if full else 0, warm_budget=budget, warm_least=least)
    vectors = faces(400, seed=1)[:size]
    index = filled(tuned, vectors)
    if stop:
        index.stop_below(4.0)
    for near in (-1, 0, size - 1):
        allowed = max(least, int(np.ceil(budget * size)), index._references.cost + min(count, size))
        assert spent_on(index, faces(400, seed=2)[0], count, near) <= allowed


@BOTH
def test_few_distances_find_nearly_everybody(tuned: Settings) -> None:
    vectors, probes = faces(3000, seed=1), faces(3000, seed=2)[::10]
    index, exact = filled(tuned, vectors), ExactIndex(DIMENSION)
    exact.add(labels(0, 3000), vectors)
    same = index.search(probes, 1).labels == exact.search(probes, 1).labels
    assert same.mean() >= 0.99
    assert index.spent.distances <= 0.05 * 3000 * len(probes)


def test_references_are_chosen_anew_as_the_gallery_grows_and_shrinks() -> None:
    index = MlannIndex(DIMENSION, everything(Settings(full_up_to=50)))
    exact = ExactIndex(DIMENSION)
    vectors = faces(400, seed=1)
    chosen = set()
    for start in range(0, 400, 10):
        for each in (index, exact):
            each.add(labels(start, start + 10), vectors[start : start + 10])
        chosen.add(id(index._references))
        assert index.search(vectors[:5], 4).labels.tolist() == exact.search(vectors[:5], 4).labels.tolist()
    assert isinstance(index._references, AxisReferences)
    assert 3 <= len(chosen) <= 6
    for start in range(0, 390, 10):
        for each in (index, exact):
            each.remove(labels(start, start + 10))
        probes = vectors[390:395]
        assert index.search(probes, 4).labels.tolist() == exact.search(probes, 4).labels.tolist()
    assert not isinstance(index._references, AxisReferences)


def test_axes_hold_nearly_all_of_the_length_and_belong_to_nobody() -> None:
    vectors = faces(500, seed=1)
    axes = principal_axes(vectors)
    np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-5)
    assert np.square(vectors @ axes.T).sum(axis=1).mean() >= 0.95
    assert np.abs(vectors @ axes.T).max() < 0.99
    assert len(principal_axes(vectors, at_most=5)) == 5


def test_bounds_of_evidence_never_exceed_the_distance_and_rise_to_it() -> None:
    vectors, probe = faces(300, seed=1), faces(300, seed=2)[0]
    distances = squared_l2(probe, vectors)
    evidence = Evidence((vectors @ vectors.T).astype(np.float32), 300)
    before = np.full(300, -1e-4, np.float32)
    for start in range(0, 300, 7):
        rows = labels(start, min(start + 7, 300))
        evidence.add(rows, vectors[rows] @ probe)
        bounds = evidence.bounds()
        assert (bounds <= distances + SLACK).all()
        assert (bounds >= before - SLACK).all()
        before = bounds
    np.testing.assert_allclose(before, distances, atol=2e-2)


@BOTH
def test_what_was_saved_is_loaded_and_goes_on_growing(tuned: Settings, tmp_path: Path) -> None:
    index = filled(tuned, faces(300, seed=1))
    index.remove(labels(10, 60))
    index.save(tmp_path)
    loaded = MlannIndex.load(tmp_path)
    probes = faces(300, seed=2)
    for each in (index, loaded):
        each.add(labels(500, 520), faces(520, seed=4)[500:])
    before, after = index.search(probes, 5), loaded.search(probes, 5)
    assert before.labels.tobytes() == after.labels.tobytes()
    assert before.distances.tobytes() == after.distances.tobytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.npy", labels(0, 7)),
        ("owners.npy", labels(0, 7)),
        ("vectors.npy", np.zeros((60, DIMENSION), np.float32)),
        ("axes.npy", np.zeros((4, DIMENSION - 1), np.float32)),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, name: str, content: np.ndarray) -> None:
    filled(AXES, faces(60, seed=1)).save(tmp_path)
    np.save(tmp_path / name, content)
    with pytest.raises(ValueError):
        MlannIndex.load(tmp_path)


@pytest.mark.parametrize(
    "about", ["{}", "[]", '{"dimension": 48, "chosen_at": 0, "settings": {"x": 1}}', "{"]
)
def test_settings_that_nobody_saved_are_refused(tmp_path: Path, about: str) -> None:
    filled(FULL, faces(60, seed=1)).save(tmp_path)
    (tmp_path / "mlann.json").write_text(about, encoding="utf-8")
    with pytest.raises(ValueError):
        MlannIndex.load(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": 0.0},
        {"budget": 1.1},
        {"least": 0},
        {"full_up_to": -1},
        {"alpha": 2.0},
        {"warm_budget": 0.06},
        {"warm_least": 51},
    ],
)
def test_nonsense_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Settings(**wrong)  # type: ignore[arg-type]


@BOTH
def test_a_removed_face_stays_nowhere_in_memory(tuned: Settings) -> None:
    vectors = faces(120, seed=1)
    index = filled(tuned, vectors)
    index.stop_below(1.0)
    index.remove(labels(30, 31))
    kept = [index._rows.vectors]
    assert index._others is not None
    kept.append(index._others._vectors)
    for array in kept:
        assert not np.any(np.all(array[: len(array)] == vectors[30], axis=1))


@BOTH
def test_one_thread_searches_while_another_adds_and_removes(tuned: Settings) -> None:
    """What is always there is always found, at its own distance, whatever moves around it."""
    vectors = faces(700, seed=1)
    index = filled(everything(tuned), vectors[:200])
    index.stop_below(0.5)
    wrong: list[object] = []
    done = Event()

    def write() -> None:
        try:
            for _ in range(6):
                for start in range(200, 700, 20):
                    index.add(labels(start, start + 20), vectors[start : start + 20])
                for start in range(200, 700, 50):
                    index.remove(labels(start, start + 50))
        finally:
            done.set()

    writer = Thread(target=write)
    writer.start()
    searches = 0
    while not done.wait(0.001) or searches < 50:
        row = searches % 200
        found = index.search(vectors[row : row + 1], 3, near=np.array([row]))
        if found.labels[0, 0] != row or found.distances[0, 0] != 0.0:
            wrong.append((row, found))
        searches += 1
    writer.join()
    assert wrong == []
    assert len(index) == 200
