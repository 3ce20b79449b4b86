"""ML-ANN: exact where it may look at everything, within its budget otherwise, and never bold about names.

What every index promises is in test_indexes.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays import F32, I64
from pipeline.gallery.exact import ExactIndex
from pipeline.gallery.mlann import MlannIndex
from pipeline.gallery.mlann_axes import AxisReferences, principal_axes
from pipeline.gallery.mlann_full import Evidence
from pipeline.gallery.mlann_settings import RIVALS, Settings
from pipeline.gallery.mlann_stop import FEWEST, NearestOthers
from pipeline.gallery.mlann_visit import SLACK, Limits, Visit
from pipeline.gallery.vectors import squared_l2

DIMENSION = 48
FULL = Settings(full_up_to=10**6)
AXES = Settings(full_up_to=0)


def everything(tuned: Settings) -> Settings:
    """The same with the whole gallery as budget, hint or not, and nothing searched by plain looking."""
    return replace(tuned, budget=1.0, least=1, warm_budget=1.0, warm_least=1)


BOTH = pytest.mark.parametrize("tuned", [FULL, AXES], ids=["full", "axes"])


def unit(vectors: np.ndarray) -> F32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def labels(start: int, stop: int) -> I64:
    return np.arange(start, stop, dtype=np.int64)


def faces(people: int, seed: int, noise: float = 0.6, each: int = 1) -> F32:
    """Photos of people, as likely to vary in a few directions as real vectors are."""
    widths = 0.9 ** np.arange(DIMENSION)
    centres = np.random.default_rng(7).normal(size=(people, DIMENSION)) * widths
    apart = np.random.default_rng(seed).normal(size=(people * each, DIMENSION)) * widths
    return unit(np.repeat(centres, each, axis=0) + noise * apart)


def filled(tuned: Settings, vectors: F32, each: int = 1) -> MlannIndex:
    index = MlannIndex(DIMENSION, tuned, owners=lambda given: given // each)
    index.add(labels(0, len(vectors)), vectors)
    return index


def spent_on(index: MlannIndex, probe: F32, count: int, near: int = -1) -> int:
    before = index.spent.distances
    index.search(probe[None], count, near=np.array([near], np.int64))
    return index.spent.distances - before


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


@BOTH
def test_a_warm_start_that_hits_costs_one_distance_and_its_rivals(tuned: Settings) -> None:
    vectors = faces(500, seed=1, noise=0.1)
    index = filled(tuned, vectors)
    index.stop_below(0.9)
    probe = faces(500, seed=2, noise=0.1)[77]
    assert index.stop > 0.1
    assert spent_on(index, probe, 2, near=77) == 1 + RIVALS
    assert index.spent.stopped == 1
    assert index.search(probe[None], 2, near=np.array([77])).labels[0, 0] == 77


@BOTH
def test_a_probe_that_is_still_near_its_hint_is_searched_with_less(tuned: Settings) -> None:
    vectors, probes = faces(1500, seed=1), faces(1500, seed=2)
    index = filled(tuned, vectors)
    index.stop_below(1e-6)
    distances = np.sum(np.square(vectors - probes), axis=1)
    near = np.flatnonzero((distances > index.familiar / 2) & (distances < index.familiar))
    row = max(near.tolist(), key=lambda row: spent_on(index, probes[row], 8))
    cold, warm = spent_on(index, probes[row], 8), spent_on(index, probes[row], 8, near=row)
    assert warm <= tuned.most_warm(1500) < cold


@BOTH
def test_after_an_early_stop_the_nearest_of_somebody_else_is_known(tuned: Settings) -> None:
    """Else a margin could seem wide because the rival was not looked at, and a name be given that must not be."""
    vectors = faces(400, seed=1, noise=0.1, each=4)
    twin = unit(vectors[80:84] + 0.05 * faces(1, seed=9, each=4))
    vectors[400:404] = twin
    index, exact = filled(tuned, vectors, each=4), ExactIndex(DIMENSION)
    exact.add(labels(0, len(vectors)), vectors)
    index.stop_below(0.9)
    index.stop = 0.5  # look-alikes push the quantile down; the rule must hold wherever it stands
    probe = vectors[81:82]
    found = index.search(probe, 2, near=np.array([81]))
    assert index.spent.stopped == 1
    assert found.labels[0, 0] == 81
    looked = index.search(probe, 8, near=np.array([81])).labels[0]
    assert 100 in set((looked // 4).tolist())
    nearest = exact.search(probe, 1600)
    rival = nearest.distances[0][nearest.labels[0] // 4 == 100].min()
    told = index.search(probe, 8, near=np.array([81]))
    assert told.distances[0][told.labels[0] // 4 == 100].min() == rival


@BOTH
def test_a_hint_that_is_wrong_gone_or_not_asked_for_changes_no_answer(tuned: Settings) -> None:
    vectors, probe = faces(300, seed=1), faces(300, seed=2)[5:6]
    index = filled(everything(tuned), vectors)
    index.remove(np.array([299]))
    plain = index.search(probe, 3)
    for near in (0, 299, 10**9, -1):
        again = index.search(probe, 3, near=np.array([near]))
        assert again.labels.tolist() == plain.labels.tolist()
    among = labels(0, 300)[1::2]
    found = index.search(probe, 3, among=among, near=np.array([4]))
    assert (found.labels % 2 == 1).all()


@BOTH
def test_among_some_the_stop_and_its_rivals_are_of_them(tuned: Settings) -> None:
    vectors = faces(500, seed=1, noise=0.1)
    index = filled(tuned, vectors)
    index.stop_below(0.9)
    some = labels(0, 500)[1::2]
    for _ in range(2):  # the second time from the rivals remembered, had they been
        found = index.search(vectors[77:78], 6, among=some, near=np.array([77]))
        assert found.labels[0, 0] == 77
        assert (found.labels % 2 == 1).all()
    assert index.search(vectors[77:78], 6, near=np.array([77])).labels[0, 0] == 77


@given(st.floats(0.0, 4.0))
@settings(max_examples=30, deadline=None)
def test_the_stop_is_never_above_what_is_accepted(accept: float) -> None:
    index = filled(FULL, faces(150, seed=1))
    index.stop_below(accept)
    assert 0.0 <= index.stop <= accept
    index.add(labels(150, 300), faces(150, seed=3))
    assert 0.0 <= index.stop <= accept
    index.remove(labels(0, 40))
    assert 0.0 <= index.stop <= accept


def test_nothing_ends_early_until_told_and_with_too_few_to_say() -> None:
    index = filled(FULL, faces(300, seed=1))
    assert index.stop == 0.0
    few = filled(FULL, faces(FEWEST - 1, seed=1))
    few.stop_below(1.0)
    assert few.stop == 0.0
    few.add(labels(FEWEST, 2 * FEWEST), faces(FEWEST, seed=3))
    assert few.stop > 0.0
    few.stop_below(0.0)
    assert few.stop == 0.0


def test_without_owners_the_stop_is_more_careful() -> None:
    vectors = faces(200, seed=1, noise=0.3, each=3)
    known, unknown = filled(FULL, vectors, each=3), filled(FULL, vectors)
    for index in (known, unknown):
        index.stop_below(4.0)
    assert unknown.stop < known.stop


def test_the_stop_is_the_quantile_of_the_nearest_of_somebody_else() -> None:
    vectors, owners = faces(200, seed=1, each=2), labels(0, 400) // 2
    others = NearestOthers(labels(0, 400), owners, vectors)
    distances = 2.0 - 2.0 * (vectors @ vectors.T)
    distances[owners[:, None] == owners] = np.inf
    assert others.quantile(0.05) == pytest.approx(np.quantile(distances.min(axis=1), 0.05), abs=1e-5)


def test_a_stop_learnt_template_by_template_is_never_bolder_than_one_learnt_at_once() -> None:
    vectors = faces(600, seed=1)
    whole = filled(FULL, vectors)
    whole.stop_below(4.0)
    grown = filled(FULL, vectors[:300])
    grown.stop_below(4.0)
    for row in range(300, 600):
        grown.add(labels(row, row + 1), vectors[row : row + 1])
    assert grown.stop == pytest.approx(whole.stop, abs=1e-5)
    grown.remove(labels(0, 200))
    left = filled(FULL, vectors[200:])
    left.stop_below(4.0)
    assert grown.stop <= left.stop + 1e-5


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
