"""Why a photo is poor, in words."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.poor_photo import mean_brightness, spoiled_frame, what_spoils
from pipeline.gallery.recogniser import Described, QualityParts

GOOD = {"size": 1.0, "sharpness": 0.9, "pose": 0.95, "exposure": 1.0, "detection": 1.0, "occlusion": 0.8}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("size", "too small (0.20)"),
        ("sharpness", "too blurred (0.20)"),
        ("pose", "turned away (0.20)"),
        ("detection", "hard to make out (0.20)"),
        ("occlusion", "partly covered (0.20)"),
        ("colour", "poor colour (0.20)"),
    ],
)
def test_the_worst_part_has_a_word(part: str, words: str) -> None:
    assert what_spoils({**GOOD, part: 0.2}, 120.0) == words


@pytest.mark.parametrize(
    ("brightness", "words"), [(30, "too dark"), (120, "too little contrast"), (220, "too bright")]
)
def test_poor_light_is_told_by_the_face(brightness: float, words: str) -> None:
    assert what_spoils({**GOOD, "exposure": 0.1}, brightness) == f"{words} (0.10)"


def test_two_defects_are_told_and_a_third_is_not() -> None:
    parts = {**GOOD, "pose": 0.5, "size": 0.3, "sharpness": 0.7}
    assert what_spoils(parts, 120.0) == "too small (0.30) and turned away (0.50)"


def test_where_every_part_is_passable_the_worst_is_told() -> None:
    assert what_spoils(dict.fromkeys(GOOD, 0.9) | {"pose": 0.8}, 120.0) == "turned away (0.80)"


def test_nothing_is_said_of_unknown_parts() -> None:
    assert what_spoils(None, 120.0) == what_spoils({}, 120.0) == ""


def test_brightness_is_of_the_box_alone() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 30:50] = 90
    assert mean_brightness(image, np.array([30, 10, 50, 20], np.float32)) == 90.0
    assert mean_brightness(image, np.array([70, 50, 90, 60], np.float32)) == 0.0


@pytest.mark.parametrize(
    "box", [(0, 40, 80, 140), (40, 0, 140, 110), (140, 30, 240, 130), (40, 60, 140, 180)]
)
def test_a_face_at_the_edge_is_cut_off(box: tuple[int, int, int, int]) -> None:
    image = paint([PaintedFace(1, box=box)])
    reason = spoiled_frame(image, PaintedRecogniser().detect(image), 0)
    assert reason is not None
    assert reason.startswith("the face is cut off by the photo's edge")


def test_a_face_near_the_edge_is_whole() -> None:
    image = paint([PaintedFace(1, box=(2, 2, 102, 122))])
    assert spoiled_frame(image, PaintedRecogniser().detect(image), 0) is None


@pytest.mark.parametrize(
    ("second", "in_the_way"), [((120, 40, 200, 140), True), ((132, 40, 200, 140), False)]
)
def test_a_face_in_front_is_in_the_way(second: tuple[int, int, int, int], in_the_way: bool) -> None:
    image = paint([PaintedFace(1, box=(40, 30, 140, 150)), PaintedFace(2)])
    faces = PaintedRecogniser().detect(paint([PaintedFace(1, box=(40, 30, 140, 150))]))
    other = PaintedRecogniser().detect(paint([PaintedFace(2, box=second)]))
    both = type(faces)(
        np.concatenate([faces.boxes, other.boxes]),
        np.concatenate([faces.landmarks, other.landmarks]),
        np.concatenate([faces.scores, other.scores]),
    )
    reason = spoiled_frame(image, both, 0)
    assert (reason is not None and reason.startswith("another face is in the way")) == in_the_way


def test_parts_come_worst_first_and_one_column_a_name() -> None:
    parts = QualityParts(("size", "pose"), np.array([[0.9, 0.5], [0.1, 0.2]], np.float32))
    assert list(parts.of(0)) == ["pose", "size"]
    assert list(parts.of(1)) == ["size", "pose"]
    with pytest.raises(ValueError, match="values must have 1 columns, got 2"):
        QualityParts(("size",), parts.values)
    with pytest.raises(ValueError, match="parts must have 1 rows"):
        Described(np.zeros((1, 4), np.float32), np.ones(1, np.float32), parts)
