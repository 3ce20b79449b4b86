"""Which track a face is given to."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.geometry import iou_matrix
from pipeline.tracking import kalman
from pipeline.tracking.associate import MAX_CENTRE_DISTANCE, Gates, _plausible, assign, associate
from pipeline.tracking.kalman import BoxStates

GATES = Gates(min_score=0.5, min_iou=0.2, min_iou_low=0.4)


def boxes(*rows: tuple[float, float, float, float]) -> F32:
    return np.array(rows, np.float32).reshape(-1, 4)


def tracks(*rows: tuple[float, float, float, float], dt_s: float = 0.1) -> BoxStates:
    """Tracks that began here, `dt_s` ago."""
    return kalman.predict(kalman.begin(boxes(*rows)), dt_s)


def pairs(states: BoxStates, found: F32, scores: list[float]) -> list[tuple[int, int]]:
    result = associate(states, found, np.array(scores, np.float32), GATES)
    return list(zip(result.tracks.tolist(), result.faces.tolist(), strict=True))


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 5), columns=st.integers(1, 5))
def test_assignment_is_as_good_as_trying_everything(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.uniform(-1, 9, (rows, columns))
    allowed = rng.random((rows, columns)) < 0.6
    chosen = assign(cost, allowed)
    assert all(allowed[chosen.tracks, chosen.faces])
    wide = rows <= columns
    best = (0, 0.0)
    for order in permutations(range(max(rows, columns)), min(rows, columns)):
        tried = [(r, c) if wide else (c, r) for r, c in enumerate(order)]
        kept = [(r, c) for r, c in tried if allowed[r, c]]
        best = min(best, (-len(kept), sum(cost[r, c] for r, c in kept)))
    assert -len(chosen.tracks) == best[0]
    assert cost[chosen.tracks, chosen.faces].sum() == pytest.approx(best[1])


def plainly(states: BoxStates, found: F32, scores: F32) -> list[tuple[int, int]]:
    """The three steps, each over all pairs that those before left."""
    overlap = iou_matrix(states.boxes(), found).astype(np.float64)
    distance = kalman.centre_distances(states, found)
    strong = scores >= GATES.min_score
    near = (distance <= MAX_CENTRE_DISTANCE) & _plausible(states, found)
    free = np.ones(overlap.shape, np.bool_)
    paired: list[tuple[int, int]] = []
    for cost, allowed in (
        (-overlap, (overlap >= GATES.min_iou) & strong),
        (-overlap, (overlap >= GATES.min_iou_low) & ~strong),
        (distance, near & strong),
    ):
        chosen = assign(cost, allowed & free)
        free[chosen.tracks], free[:, chosen.faces] = False, False
        paired += zip(chosen.tracks.tolist(), chosen.faces.tolist(), strict=True)
    return sorted(paired)


@given(seed=st.integers(0, 10_000), count=st.integers(0, 5), found=st.integers(0, 5))
def test_steps_that_are_left_out_would_find_nobody(seed: int, count: int, found: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 120, (count + found, 2))
    faces = np.concatenate([corners, corners + rng.uniform(30, 50, (count + found, 2))], axis=1)
    states, seen = tracks(*faces[:count]), boxes(*faces[count:])
    scores = rng.uniform(0.3, 1.0, found).astype(np.float32)
    assert pairs(states, seen, scores.tolist()) == plainly(states, seen, scores)


def test_two_tracks_share_two_faces_for_the_best_together() -> None:
    # Face 0 overlaps both tracks, and track 1 more; but track 0 has no other.
    states = tracks((0, 0, 40, 40), (15, 0, 55, 40))
    found = boxes((12, 0, 52, 40), (25, 0, 65, 40))
    assert pairs(states, found, [0.9, 0.9]) == [(0, 0), (1, 1)]


def test_a_weak_face_only_gets_what_strong_ones_left_and_must_fit_better() -> None:
    states = tracks((0, 0, 40, 40))
    close, loose = (2, 0, 42, 40), (18, 0, 58, 40)
    assert pairs(states, boxes(close, loose), [0.4, 0.9]) == [(0, 1)]
    assert pairs(states, boxes(close), [0.4]) == [(0, 0)]
    assert pairs(states, boxes(loose), [0.4]) == []


def test_a_newcomer_who_moved_by_more_than_a_face_is_found_again() -> None:
    states = tracks((100, 100, 140, 150))
    assert pairs(states, boxes((160, 100, 200, 150)), [0.9]) == [(0, 0)]
    assert pairs(states, boxes((160, 100, 200, 150)), [0.4]) == []


def test_a_track_known_to_stand_still_does_not_leap() -> None:
    states = tracks((100, 100, 140, 150))
    for _ in range(10):
        states = kalman.predict(kalman.correct(states, boxes((100, 100, 140, 150))), 0.1)
    assert pairs(states, boxes((160, 100, 200, 150)), [0.9]) == []


@pytest.mark.parametrize(
    "far", [(100, 100 + 2.1 * 50, 140, 150 + 2.1 * 50), (150, 90, 210, 165)], ids=["too far", "too large"]
)
def test_nobody_leaps_too_far_or_grows_too_fast(far: tuple[float, float, float, float]) -> None:
    assert pairs(tracks((100, 100, 140, 150), dt_s=0.6), boxes(far), [0.9]) == []


def test_nothing_to_pair() -> None:
    assert pairs(tracks(), boxes((0, 0, 9, 9)), [0.9]) == []
    assert pairs(tracks((0, 0, 9, 9)), boxes(), []) == []


def test_a_track_that_a_weak_face_continues_takes_no_strong_one_by_distance_too() -> None:
    """The strong face is near, but does not overlap: it is somebody else's."""
    found = boxes((100, 100, 140, 140), (141, 100, 181, 140))
    assert pairs(tracks((100, 100, 140, 140)), found, [0.4, 0.9]) == [(0, 0)]
