"""Pairs of photos: all of a set, or those of a list."""

from __future__ import annotations

import numpy as np
import pytest

from engines.errors import EvaluationError
from engines.evaluation.lfw_pairs import Pairs
from engines.evaluation.photo_pairs import all_pairs, listed_pairs
from engines.evaluation.verification import squared_distances
from tests.engines.evaluation.face_sets import made_set

PHOTOS = made_set(["a/a_0001.jpg", "b/b_0001.jpg", "a/a_0002.jpg", "b/b_0002.jpg", "a/a_0003.jpg"])


def test_every_two_photos_are_a_pair() -> None:
    pairs = all_pairs(PHOTOS)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [
        (0, 2),
        (0, 4),
        (1, 3),
        (2, 4),
    ]
    np.testing.assert_allclose(
        pairs.genuine, squared_distances(PHOTOS.vectors[pairs.first], PHOTOS.vectors[pairs.second]), atol=1e-6
    )
    first, second = np.array([0, 0, 1, 1, 2, 3]), np.array([1, 3, 2, 4, 3, 4])
    apart = squared_distances(PHOTOS.vectors[first], PHOTOS.vectors[second])
    np.testing.assert_allclose(np.sort(pairs.impostors), np.sort(apart), atol=1e-6)


def test_frames_of_one_video_are_no_pair() -> None:
    frames = made_set(["a/1/x.jpg", "a/1/y.jpg", "a/2/x.jpg", "a/p.jpg", "a/q.jpg", "b/1/x.jpg"])
    pairs = all_pairs(frames)
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert found == {(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)}, (
        "p and q are photos"
    )
    assert len(pairs.impostors) == 5


def test_a_list_says_which_are_pairs() -> None:
    listed = Pairs(
        ("a/a_0001", "b/b_0001", "a/a_0001"),
        ("b/b_0002", "b/b_0002", "a/a_0003"),
        np.array([False, True, True]),
        np.zeros(3, np.int64),
    )
    pairs = listed_pairs(PHOTOS, listed, "set")
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([1, 0], [3, 4])
    np.testing.assert_allclose(pairs.impostors, squared_distances(PHOTOS.vectors[[0]], PHOTOS.vectors[[3]]))
    np.testing.assert_allclose(
        pairs.genuine, squared_distances(PHOTOS.vectors[[1, 0]], PHOTOS.vectors[[3, 4]])
    )


def test_where_a_kind_of_pair_is_missing_that_is_told() -> None:
    with pytest.raises(EvaluationError, match="there is no genuine pair"):
        all_pairs(PHOTOS.take([0, 1]))
    with pytest.raises(EvaluationError, match="there is no impostor pair"):
        all_pairs(PHOTOS.take([0, 2]))
    with pytest.raises(EvaluationError, match="there is no genuine pair"):
        all_pairs(PHOTOS.take([0]))


def test_photos_without_a_face_are_no_result() -> None:
    nobody = made_set(["a/1.jpg", "a/2.jpg", "b/1.jpg"], found=[False, False, False])
    with pytest.raises(EvaluationError, match="no photo has a face; check that the pictures show people"):
        all_pairs(nobody)
