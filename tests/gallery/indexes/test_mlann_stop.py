"""When an ML-ANN search ends early: never boldly, and never with a near rival overlooked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.mlann_settings import RIVALS, Settings
from pipeline.gallery.indexes.mlann_stop import FEWEST, NearestOthers
from tests.gallery.mlann_faces import (
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
