"""What a camera is asked for, and where its faces count."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.detection.rules import CameraRules, Polygon, RuleBook, inside
from pipeline.types import Faces
from tests.runtime.streams import running

LEFT: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
CORNER: Polygon = ((0.0, 0.0), (0.25, 0.0), (0.0, 0.25))
ARROW: Polygon = ((0.1, 0.1), (0.9, 0.5), (0.1, 0.9), (0.4, 0.5))
"""hollow at its left side"""


def faces_at(*centres: tuple[float, float]) -> Faces:
    """Faces 40 pixels wide and 50 high with these centres, in pixels."""
    boxes = np.array([[x - 20, y - 25, x + 20, y + 25] for x, y in centres], np.float32).reshape(-1, 4)
    return Faces(boxes, np.zeros((len(boxes), 5, 2), np.float32), np.ones(len(boxes), np.float32))


def points(*xy: tuple[float, float]) -> F32:
    return np.array(xy, np.float32)


def test_without_region_and_mask_every_face_counts() -> None:
    faces = faces_at((10, 10), (700, 300))
    assert CameraRules(10.0, 40.0).counted(faces, 640, 360) is faces


def test_a_region_keeps_the_faces_centred_in_it_and_a_mask_takes_them_away() -> None:
    faces = faces_at((100, 100), (319, 200), (321, 200), (30, 20))
    in_left = CameraRules(10.0, 40.0, region=(LEFT,)).counted(faces, 640, 360)
    assert in_left.boxes.tolist() == faces.boxes[[0, 1, 3]].tolist()
    not_left = CameraRules(10.0, 40.0, mask=(LEFT,)).counted(faces, 640, 360)
    assert not_left.boxes.tolist() == faces.boxes[[2]].tolist()
    both = CameraRules(10.0, 40.0, region=(LEFT,), mask=(CORNER,)).counted(faces, 640, 360)
    assert both.boxes.tolist() == faces.boxes[[0, 1]].tolist()


def test_several_polygons_are_joined() -> None:
    right: Polygon = ((0.8, 0.0), (1.0, 0.0), (1.0, 1.0), (0.8, 1.0))
    faces = faces_at((100, 100), (400, 100), (600, 100))
    kept = CameraRules(10.0, 40.0, region=(LEFT, right)).counted(faces, 640, 360)
    assert kept.boxes.tolist() == faces.boxes[[0, 2]].tolist()


def test_no_face_is_no_face() -> None:
    assert len(CameraRules(10.0, 40.0, region=(LEFT,)).counted(Faces.none(), 640, 360)) == 0


def test_a_polygon_may_be_hollow_and_its_border_belongs_to_it() -> None:
    assert inside(points((0.6, 0.5), (0.3, 0.5), (0.1, 0.1), (0.95, 0.5)), (ARROW,)).tolist() == [
        True,
        False,
        True,
        False,
    ]


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=20))
def test_a_rectangle_holds_what_is_between_its_sides(xy: list[tuple[float, float]]) -> None:
    box: Polygon = ((0.25, 0.125), (0.75, 0.125), (0.75, 0.5), (0.25, 0.5))
    expected = [0.25 <= x <= 0.75 and 0.125 <= y <= 0.5 for x, y in xy]
    assert inside(points(*xy), (box,)).tolist() == expected


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="rate_hz must be positive, got 0"):
        CameraRules(0.0, 40.0)
    with pytest.raises(ValueError, match="at least three points, got 2"):
        CameraRules(1.0, 40.0, mask=(((0.0, 0.0), (1.0, 1.0)),))


def test_a_book_gives_the_usual_rules_until_a_camera_has_its_own() -> None:
    usual, own = CameraRules(10.0, 40.0), CameraRules(2.0, 20.0)
    book = RuleBook(usual)
    book.put("door", own)
    assert (book.of("door"), book.of("yard")) == (own, usual)
    book.remove("door")
    book.remove("never there")
    assert book.of("door") == usual


def test_a_book_may_change_while_it_is_read() -> None:
    book = RuleBook(CameraRules(10.0, 40.0))
    done = threading.Event()
    seen: set[float] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(book.of("c7").rate_hz)

    def write(part: int) -> None:
        for number in range(200):
            book.put(f"c{part * 200 + number}", CameraRules(2.0, 40.0))

    with running(read):
        with running(*(lambda part=part: write(part) for part in range(3))):
            pass
        done.set()
    assert seen <= {10.0, 2.0}
    assert all(book.of(f"c{number}").rate_hz == 2.0 for number in range(600))
