"""Templates of several frames: each rule by hand, and that fusing helps where frames err independently."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from engines.arrays import F32
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.tracks import (
    RULES,
    SINGLE,
    Sampling,
    TrackError,
    best_shot,
    evaluate_tracks,
    mean,
    mean_of_pairs,
)
from engines.evaluation.verification import distance_matrix

QUICK = Sampling(draws=20)
X, Y, Z = np.eye(3, dtype=np.float32)


def face_set(people: int, videos: int, frames: int, noise: float, dimension: int = 16) -> FaceSet:
    """People in random directions, frames scattered about them."""
    chance = np.random.default_rng(0)
    names, vectors = [], []
    for person in range(people):
        centre = chance.normal(size=dimension)
        for video in range(videos):
            for frame in range(frames):
                names.append(f"p{person:02}/{video}/{frame}.jpg")
                vectors.append(centre + noise * chance.normal(size=dimension))
    rows = len(names)
    units = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    return FaceSet(
        names=tuple(names),
        people=tuple(name.split("/")[0] for name in names),
        groups=tuple(name.rsplit("/", 1)[0] for name in names),
        found=np.ones(rows, np.bool_),
        vectors=units.astype(np.float32),
        flipped=np.zeros((0, dimension), np.float32),
        quality=np.full(rows, 0.5, np.float32),
        parts=np.ones((rows, 1), np.float32),
        part_names=("size",),
        boxes=np.zeros((rows, 4), np.float32),
    )


def rows_of(rows: tuple[TrackError, ...], rule: str, far: float) -> list[TrackError]:
    return [row for row in rows if row.rule == rule and row.far == far]


def test_the_rules_by_hand() -> None:
    vectors, quality = np.stack([X, Y]), np.array([0.2, 0.8], np.float32)
    np.testing.assert_allclose(mean(vectors, quality), (X + Y) / np.sqrt(2), atol=1e-6)
    np.testing.assert_array_equal(best_shot(vectors, quality), Y)
    np.testing.assert_allclose(mean_of_pairs(vectors, quality), (X + Y) / 2)


def test_mean_of_pairs_is_the_mean_similarity_of_all_pairs_of_frames() -> None:
    chance = np.random.default_rng(2)
    a, b = (chance.normal(size=(k, 8)) for k in (3, 4))
    a, b = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    templates = [mean_of_pairs(each.astype(np.float32), np.ones(len(each), np.float32)) for each in (a, b)]
    slow = np.mean([x @ y for x in a for y in b])
    assert float(templates[0] @ templates[1]) == pytest.approx(slow, abs=1e-6)


def test_one_frame_is_all_pairs_of_frames_of_two_videos() -> None:
    faces = face_set(people=6, videos=2, frames=3, noise=1.0)
    report = evaluate_tracks(faces, RULES, QUICK, fars=(0.05,))
    (single,) = rows_of(report.rows, SINGLE, 0.05)
    d = 2.0 - 2.0 * faces.vectors.astype(np.float64) @ faces.vectors.T.astype(np.float64)
    people, videos = faces.person_numbers, faces.group_numbers
    above = np.triu(np.ones_like(d, dtype=bool), 1)
    impostors = np.sort(d[above & (people[:, None] != people[None, :])])
    genuine = d[above & (people[:, None] == people[None, :]) & (videos[:, None] != videos[None, :])]
    threshold = impostors[int(0.05 * len(impostors))]
    assert len(genuine) == 6 * 9
    assert single.threshold == pytest.approx(threshold, abs=1e-5)
    assert single.error == pytest.approx(np.mean(genuine >= threshold))
    assert (single.ratio, single.ratio_interval) == (None, None)


def test_fusing_helps_where_frames_err_independently() -> None:
    faces = face_set(people=30, videos=2, frames=4, noise=1.0)
    report = evaluate_tracks(faces, RULES, QUICK, fars=(0.01,))
    assert (report.people, report.videos, report.frames) == (30, 60, 240)
    assert (report.genuine_pairs, report.impostor_pairs) == (30, 60 * 59 // 2 - 30)
    (single,) = rows_of(report.rows, SINGLE, 0.01)
    fused = rows_of(report.rows, "mean", 0.01)
    assert [row.frames for row in fused] == [2, 3, 4]
    assert fused[-1].error < fused[0].error < single.error
    for row in (single, *fused):
        assert row.error_interval.low <= row.error <= row.error_interval.high
    assert fused[-1].ratio == pytest.approx(fused[-1].error / single.error)
    # all have one quality: the best shot is one frame, the first
    (last,) = [row for row in rows_of(report.rows, "best shot", 0.01) if row.frames == 4]
    assert last.error > fused[-1].error


def test_a_video_with_fewer_frames_gives_all_it_has() -> None:
    faces = face_set(people=5, videos=2, frames=3, noise=0.1)
    short = faces.take([row for row in range(len(faces)) if faces.names[row] != "p00/0/2.jpg"])
    seen: list[int] = []

    def spy(vectors: F32, quality: F32) -> F32:
        seen.append(len(vectors))
        return mean(vectors, quality)

    report = evaluate_tracks(short, {"spy": spy}, QUICK)
    assert report.frames == 29
    # k = 2: three choices of each full video, one of the short one; k = 3: one of each
    assert sorted(seen) == sorted([2] * (9 * 3 + 1) + [3] * 9 + [2])


def test_every_video_counts_alike_however_many_frames_it_has() -> None:
    faces = face_set(people=5, videos=2, frames=4, noise=1.0)
    faces = faces.take([row for row in range(len(faces)) if row not in (1, 2, 3, 9, 10, 17)])
    (single,) = rows_of(evaluate_tracks(faces, {}, QUICK, fars=(0.1,)).rows, SINGLE, 0.1)
    videos = [np.flatnonzero(faces.group_numbers == video) for video in range(10)]
    refused, accepted = [], []
    for a, b in combinations(videos, 2):
        distances = distance_matrix(faces.vectors[a], faces.vectors[b])
        if faces.people[a[0]] == faces.people[b[0]]:
            refused.append(np.mean(distances >= single.threshold))
        else:
            accepted.append(np.mean(distances < single.threshold))
    assert single.error == pytest.approx(np.mean(refused))
    assert 0.08 < np.mean(accepted) <= 0.1


def test_long_videos_are_sampled_by_seed() -> None:
    faces = face_set(people=4, videos=2, frames=9, noise=0.5)
    sampling = Sampling(max_frames=2, subsets=5, draws=10)
    first, again = (evaluate_tracks(faces, RULES, sampling) for _ in range(2))
    assert first == again
    assert {row.frames for row in first.rows} == {1, 2}


def test_frames_without_a_face_are_left_out() -> None:
    faces = face_set(people=4, videos=2, frames=2, noise=0.1)
    faces.found[3] = False
    report = evaluate_tracks(faces, RULES, QUICK)
    assert (report.frames, report.without_face) == (15, 1)
    faces.found[:] = False
    with pytest.raises(EvaluationError, match="no frame has a face"):
        evaluate_tracks(faces, RULES, QUICK)


def test_people_with_one_video_each_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match="no genuine pair"):
        evaluate_tracks(face_set(people=4, videos=1, frames=2, noise=0.1), RULES, QUICK)
