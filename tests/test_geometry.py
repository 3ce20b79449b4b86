"""Boxes against the plainest arithmetic there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.geometry import box_areas, clip_boxes, fraction_box, iou_matrix, non_maximum_suppression

SIDE = 8
"""boxes have whole corners from 0 to this, so that a pixel is in or out"""
CORNERS = st.tuples(*[st.integers(0, SIDE)] * 4)


def ordered(corners: tuple[int, ...]) -> list[int]:
    x, y = sorted(corners[::2]), sorted(corners[1::2])
    return [x[0], y[0], x[1], y[1]]


BOXES = st.lists(CORNERS.map(ordered), max_size=6).map(lambda rows: np.array(rows, np.float32).reshape(-1, 4))


def pixels(box: F32) -> set[tuple[int, int]]:
    return {
        (x, y) for x, y in product(range(SIDE), repeat=2) if box[0] <= x < box[2] and box[1] <= y < box[3]
    }


@given(a=BOXES, b=BOXES)
def test_overlap_is_that_of_the_pixels(a: F32, b: F32) -> None:
    overlap = iou_matrix(a, b)
    assert overlap.shape == (len(a), len(b))
    for row, column in product(range(len(a)), range(len(b))):
        one, other = pixels(a[row]), pixels(b[column])
        expected = len(one & other) / len(one | other) if one | other else 0.0
        assert overlap[row, column] == pytest.approx(expected, abs=1e-6)


@given(boxes=BOXES)
def test_area_is_the_number_of_pixels(boxes: F32) -> None:
    assert box_areas(boxes).tolist() == [len(pixels(box)) for box in boxes]


def test_an_inverted_box_has_no_area_and_no_overlap() -> None:
    inverted = np.array([[5, 5, 1, 1]], np.float32)
    assert box_areas(inverted).tolist() == [0.0]
    assert iou_matrix(inverted, inverted).tolist() == [[0.0]]


@given(boxes=BOXES, max_iou=st.floats(0.05, 0.95), data=st.data())
def test_what_is_kept_overlaps_little_and_what_is_not_overlaps_a_better_one(
    boxes: F32, max_iou: float, data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.9]), min_size=len(boxes), max_size=len(boxes)))
    scores = np.array(drawn, np.float32)
    keep = non_maximum_suppression(boxes, scores, max_iou).tolist()
    overlap = iou_matrix(boxes, boxes)
    assert [scores[row] for row in keep] == sorted((scores[row] for row in keep), reverse=True)
    for place, row in enumerate(keep):
        assert all(overlap[row, better] <= max_iou for better in keep[:place])
    for row in set(range(len(boxes))) - set(keep):
        assert any(overlap[row, other] > max_iou and scores[other] >= scores[row] for other in keep)


def test_of_equal_scores_the_first_is_kept() -> None:
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5]], np.float32)
    assert non_maximum_suppression(boxes, np.array([0.5, 0.5], np.float32), 0.3).tolist() == [0]


def test_boxes_are_cut_at_the_frame() -> None:
    boxes = np.array([[-5, 10, 700, 400], [700, 10, 800, 20]], np.float32)
    assert clip_boxes(boxes, 640, 360).tolist() == [[0, 10, 640, 360], [640, 10, 640, 20]]
    assert fraction_box(boxes[0], 640, 360) == pytest.approx((0.0, 10 / 360, 1.0, 1.0))
