"""Faces of two engines: which are the same, and how far their landmarks lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engines.arrays import F32
from engines.build.parity_faces import compare_faces, match


@dataclass(frozen=True, slots=True)
class Found:
    boxes: F32
    landmarks: F32


def found(*corners: tuple[float, float], side: float = 20.0, shift: float = 0.0) -> Found:
    """Square faces with their upper left corners here, and landmarks `shift` pixels to the right."""
    low = np.array(corners, np.float32).reshape(-1, 2)
    boxes = np.concatenate([low, low + side], axis=1).astype(np.float32)
    points = low[:, None] + np.array([[5, 5], [15, 5], [10, 10], [6, 15], [14, 15]], np.float32)
    return Found(boxes, (points + np.array([shift, 0.0])).astype(np.float32))


def test_the_same_faces() -> None:
    faces = [found((0, 0), (100, 50)), found()]

    parity = compare_faces(faces, faces)

    assert (parity.frames, parity.faces, parity.found, parity.spurious) == (2, 2, 2, 0)
    assert (parity.recall, parity.landmark_error, parity.worst_landmark_px) == (1.0, 0.0, 0.0)


def test_a_face_is_missed_and_another_made_up() -> None:
    parity = compare_faces([found((0, 0), (300, 300))], [found((0, 0), (100, 50))])

    assert (parity.faces, parity.found, parity.spurious, parity.recall) == (2, 1, 1, 0.5)


def test_landmarks_in_pixels_and_as_a_part_of_the_face() -> None:
    parity = compare_faces([found((0, 0), shift=2.0)], [found((0, 0))])

    assert np.isclose(parity.landmark_error_px, 2.0)
    assert np.isclose(parity.landmark_error, 0.1)


def test_a_part_of_the_face_is_one_of_its_width() -> None:
    tall = found((0, 0))
    tall.boxes[:, 3] *= 2

    assert np.isclose(
        compare_faces([Found(tall.boxes, tall.landmarks + 2)], [tall]).landmark_error, 8**0.5 / 20
    )


def test_no_face_at_all() -> None:
    parity = compare_faces([found()], [found()])

    assert (parity.faces, parity.recall, parity.landmark_error) == (0, 1.0, 0.0)


def test_one_box_stands_for_one_face() -> None:
    """Two boxes over one face are one that was found and one too many."""
    parity = compare_faces([found((0, 0), (1, 1))], [found((0, 0))])

    assert (parity.found, parity.spurious) == (1, 1)


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 1000))
def test_no_row_is_matched_twice(ours: int, theirs: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    mine, others = (
        found(*chance.uniform(0, 40, (count, 2)).tolist()).boxes.reshape(-1, 4) for count in (ours, theirs)
    )

    matches = match(mine, others)

    assert len(set(matches.ours.tolist())) == len(matches.ours) == len(matches.theirs)
    assert len(set(matches.theirs.tolist())) == len(matches.theirs)
