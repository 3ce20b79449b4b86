"""VAL of spoiled photos: hand cases for thresholds kept and refitted, faces not found, and the gate's bins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.photo_pairs import all_pairs
from engines.evaluation.robustness import CLEAN, PAPER, Robustness, pair_matrix
from tests.engines.evaluation.test_tracks import face_set


def clean_set(people: int = 20, noise: float = 0.3) -> FaceSet:
    faces = face_set(people, videos=1, frames=2, noise=noise, dimension=32)
    return replace(
        faces, groups=faces.people, boxes=np.tile(np.array([10, 10, 60, 80], np.float32), (len(faces), 1))
    )


def scattered(faces: FaceSet, noise: float) -> FaceSet:
    moved = faces.vectors + noise * np.random.default_rng(5).normal(size=faces.vectors.shape)
    units = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return replace(faces, vectors=units.astype(np.float32))


def held(faces: FaceSet) -> Robustness:
    pairs = all_pairs(faces)
    return Robustness(faces, pair_matrix(len(faces), pairs.first, pairs.second), draws=20)


def test_clean_photos_keep_what_they_have() -> None:
    faces = clean_set()
    result = held(faces).level(CLEAN, 0.0, faces)
    assert result.both.val == result.both.val_kept == 1.0
    assert result.both.far_kept <= 1e-3
    assert result.undetected == 0.0
    assert result.face_px == 50.0
    assert result.paper_val is None


def test_a_face_not_found_is_refused_everywhere() -> None:
    faces = clean_set()
    lost = np.ones(len(faces), np.bool_)
    lost[:10] = False  # both photos of five of twenty people
    result = held(faces).level("dark", 7.0, replace(faces, found=lost))
    assert result.undetected == 0.25
    assert result.both.val_kept == 0.75
    assert result.probe.val_kept == 0.75
    assert result.probe.val == 0.75
    half = np.ones(len(faces), np.bool_)
    half[0] = False  # one photo of one person: its pair is lost, and one of the two ways it is probed
    result = held(faces).level("dark", 7.0, replace(faces, found=half))
    assert result.both.val_kept == pytest.approx(19 / 20)
    assert result.probe.val_kept == pytest.approx(39 / 40)
    result = held(replace(faces, found=half)).level("dark", 2.0, faces)  # not found when it was clean
    assert result.both.val_kept == 1.0
    assert result.probe.val_kept == pytest.approx(39 / 40)


def test_no_face_found_at_all() -> None:
    faces = clean_set()
    nobody = replace(faces, found=np.zeros(len(faces), np.bool_))
    result = held(faces).level("dark", 9.0, nobody)
    assert (result.undetected, result.face_px, result.quality) == (1.0, 0.0, 0.0)
    assert (result.both.val, result.both.val_kept, result.probe.far_kept) == (0.0, 0.0, 0.0)


def test_spoiled_faces_that_look_alike_show_in_the_far_of_the_kept_threshold() -> None:
    faces = clean_set()
    alike = replace(faces, vectors=np.tile(faces.vectors[:1], (len(faces), 1)))
    robustness = held(faces)
    result = robustness.level("blur", 4.0, alike)
    assert result.both.far_kept == 1.0
    assert result.both.val_kept == 1.0
    assert result.both.val == 0.0
    (row,) = robustness.gate_by_quality()
    assert row.far_both == 1.0
    assert row.far == pytest.approx(result.probe.far_kept)
    assert row.far < 0.2, "against clean photos they are like one of them"


def test_more_noise_accepts_fewer_and_the_paper_stands_beside() -> None:
    faces = clean_set(noise=0.5)
    robustness = held(faces)
    results = [robustness.level("jpeg", level, scattered(faces, n)) for level, n in ((90, 0.05), (10, 0.4))]
    assert results[0].probe.val > results[1].probe.val
    assert results[0].both.val_interval.low <= results[0].both.val <= results[0].both.val_interval.high
    assert [each.paper_val for each in results] == [PAPER["jpeg"][90], PAPER["jpeg"][10]]


def test_the_gate_sorts_spoiled_faces_by_quality_and_size() -> None:
    faces = clean_set()
    robustness = held(faces)
    assert robustness.gate_by_quality() == robustness.gate_by_size() == ()
    quality = np.where(np.arange(len(faces)) % 2 == 0, 0.02, 1.0).astype(np.float32)
    vectors = faces.vectors.copy()
    vectors[::2] *= -1  # the bad ones are like nobody
    robustness.level("size", 24, replace(faces, quality=quality, vectors=vectors))
    bad, good = robustness.gate_by_quality()
    assert (bad.low, bad.faces, bad.genuine_pairs, bad.val) == (0.0, 20, 20, 0.0)
    assert (good.high, good.faces, good.genuine_pairs, good.val) == (1.0, 20, 20, 1.0)
    (size,) = robustness.gate_by_size()
    assert (size.low, size.high, size.faces, size.val) == (48.0, 64.0, 40, 0.5)


def test_pairs_stand_both_ways() -> None:
    pairs = pair_matrix(3, np.array([0]), np.array([2]))
    np.testing.assert_array_equal(np.argwhere(pairs), [[0, 2], [2, 0]])


def test_other_photos_are_refused() -> None:
    faces = clean_set()
    with pytest.raises(EvaluationError, match="not the photos that were clean"):
        held(faces).level("jpeg", 10.0, faces.take(range(4)))
