"""Candidates of the past: the nearest projections among those asked for, held to numpy."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gallery.indexes.projection import Projection, learn_projection
from pipeline.gallery.past.past_index import GONE, SCANNED_AT_ONCE, PastFilter, PastIndex, PastRows
from pipeline.gallery.sightings.sighting_records import PastVectors
from tests.gallery.made_past import seen_face
from tests.gallery.people import DIMENSION, unit

AT = datetime(2026, 5, 1, tzinfo=UTC)
PROJECTION = learn_projection(
    np.stack([seen_face(person, shot) for person in range(60) for shot in range(20)])
)


def drawn(seed: int, count: int, first: int = 1) -> PastVectors:
    """Sightings a minute apart, of three cameras, every fifth going on."""
    random = np.random.default_rng(seed)
    numbers = np.arange(first, first + count)
    begun = 1000 * int(AT.timestamp()) + 60_000 * numbers
    return PastVectors(
        labels=numbers.astype(np.int64),
        vectors=unit(random.normal(size=(count, DIMENSION))),
        cameras=("door", "yard", "hall"),
        camera_of=random.integers(3, size=count).astype(np.int32),
        first_ms=begun.astype(np.int64),
        seen_ms=(begun + 30_000).astype(np.int64),
        over=numbers % 5 != 0,
    )


def plain(
    found: PastVectors, index: PastIndex, asked: PastFilter, probe: np.ndarray
) -> list[tuple[float, int]]:
    """(distance along the axes, label) of every row that is asked for, nearest first."""
    along, rows = index.projection(probe[None])[0], []
    for row, label in enumerate(found.labels.tolist()):
        first, last = found.first_ms[row] / 1000, found.seen_ms[row] / 1000
        after = asked.since is None or not found.over[row] or last >= asked.since.timestamp()
        before = asked.until is None or first <= asked.until.timestamp()
        by = not asked.cameras or found.cameras[found.camera_of[row]] in asked.cameras
        if after and before and by:
            distance = float(np.sum((index.projection(found.vectors[row : row + 1])[0] - along) ** 2))
            rows.append((distance, label))
    return sorted(rows)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(0, 80),
    wanted=st.integers(1, 30),
    since=st.none() | st.integers(-5, 85),
    length=st.none() | st.integers(0, 60),
    cameras=st.sets(st.sampled_from(["door", "yard", "hall", "roof"])),
    parts=st.integers(1, 3),
)
def test_candidates_are_the_nearest_projections_of_what_is_asked_for(
    seed: int,
    count: int,
    wanted: int,
    since: int | None,
    length: int | None,
    cameras: set[str],
    parts: int,
) -> None:
    found, index = drawn(seed, count), PastIndex(PROJECTION)
    rows = index.rows_of(found)
    for part in np.array_split(np.arange(count), parts):
        index.add(taken(rows, part))
    probe = unit(np.random.default_rng(seed + 1).normal(size=DIMENSION))
    begin = None if since is None else AT + timedelta(minutes=since)
    end = None if length is None else (begin or AT) + timedelta(minutes=length)
    asked = PastFilter(begin, end, frozenset(cameras))
    truth = plain(found, index, asked, probe)
    answer = index.nearest(probe, asked, wanted)
    assert answer.compared == len(truth)
    assert answer.labels.tolist() == [label for _, label in truth[:wanted]]
    assert answer.bounds.tolist() == pytest.approx([distance for distance, _ in truth[:wanted]], abs=3e-4)
    assert all(bound <= distance for bound, (distance, _) in zip(answer.bounds.tolist(), truth, strict=False))
    assert answer.beyond_first(wanted) == answer.beyond
    if len(truth) > 1 and wanted > 1:
        assert answer.beyond_first(1) == pytest.approx(truth[1][0], abs=3e-4)
    if len(truth) <= wanted:
        assert answer.beyond == math.inf
    else:
        assert answer.beyond == pytest.approx(truth[wanted][0], abs=3e-4)
        assert answer.beyond <= truth[wanted][0]


def test_what_comes_late_and_is_passed_over_counts_as_left_out() -> None:
    """One sighting a part: each later one is turned away at the border that the first ones set."""
    found, index = drawn(5, 40), PastIndex(PROJECTION)
    probe = unit(np.random.default_rng(6).normal(size=DIMENSION))
    truth = plain(found, index, PastFilter(), probe)
    rows = index.rows_of(found)
    nearest_first = [label - 1 for _, label in truth]
    # The second nearest comes last.
    for row in [nearest_first[0], *nearest_first[2:], nearest_first[1]]:
        index.add(taken(rows, np.array([row])))
    answer = index.nearest(probe, PastFilter(), 1)
    assert answer.labels.tolist() == [truth[0][1]]
    assert answer.beyond == pytest.approx(truth[1][0], abs=3e-4)
    assert answer.beyond <= truth[1][0]


def taken(rows: PastRows, part: np.ndarray) -> PastRows:
    return PastRows(
        rows.labels[part],
        rows.first_ms[part],
        rows.last_ms[part],
        rows.cameras[part],
        rows.halves[part],
        rows.projected[part],
    )


def test_more_rows_than_one_product_has_and_some_that_were_wiped() -> None:
    found, index = drawn(3, 2 * SCANNED_AT_ONCE + 100), PastIndex(PROJECTION)
    rows = index.rows_of(found)
    numbers = np.where(found.labels % 7 == 1, GONE, found.labels)
    index.add(replace(rows, labels=numbers))
    probe = unit(np.random.default_rng(4).normal(size=DIMENSION))
    answer = index.nearest(probe, PastFilter(), 50)
    kept = [
        (distance, label) for distance, label in plain(found, index, PastFilter(), probe) if (label - 1) % 7
    ]
    assert answer.labels.tolist() == [label for _, label in kept[:50]]
    assert answer.compared == index.live == len(kept)
    assert index.last == len(found.labels)


def test_an_empty_index_finds_nothing() -> None:
    answer = PastIndex(PROJECTION).nearest(unit(np.ones(DIMENSION)), PastFilter(), 5)
    assert (answer.labels.tolist(), answer.compared, answer.beyond) == ([], 0, math.inf)
    assert PastIndex(PROJECTION).last == 0


def test_distances_along_the_axes_are_never_larger() -> None:
    a, b = drawn(5, 50).vectors, drawn(6, 50).vectors
    along = np.sum((PROJECTION(a) - PROJECTION(b)) ** 2, axis=1)
    assert (along <= np.sum((a - b) ** 2, axis=1) + 1e-5).all()
    assert isinstance(PROJECTION, Projection)
    assert PROJECTION.dimension == 32
