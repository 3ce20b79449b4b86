"""How large the detector's input is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.input_size import FACE_PX, LONGEST_PX, MULTIPLE_PX, InputSize


@pytest.mark.parametrize(
    ("width", "height", "min_face_px", "input_shape"),
    [
        (640, 360, 40.0, (192, 320)),
        (1920, 1080, 40.0, (544, 960)),
        (1080, 1920, 40.0, (960, 544)),
        (1920, 1080, 80.0, (288, 480)),
        (3840, 2160, 40.0, (1088, 1920)),
        (3840, 2160, 30.0, (1088, 1920)),  # no larger, whatever is wanted
        (640, 360, 15.0, (384, 640)),  # and never scaled up
        (20, 10, 400.0, (32, 32)),
    ],
)
def test_the_smallest_face_wanted_decides(
    width: int, height: int, min_face_px: float, input_shape: tuple[int, int]
) -> None:
    assert InputSize(min_face_px).placement(width, height).input_shape == input_shape


def test_a_camera_may_want_smaller_or_larger_faces_than_others() -> None:
    size = InputSize(min_face_px=40.0)

    assert size.placement(1280, 720, 20.0).width == 1280
    assert size.placement(1280, 720, 80.0).width == 320


def test_a_fixed_size_asks_for_no_face() -> None:
    size = InputSize(min_face_px=40.0, fixed_px=960)

    assert size.placement(1920, 1080).input_shape == (544, 960)
    assert size.placement(640, 360, 200.0).input_shape == (384, 640)


def test_a_face_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="min_face_px must be positive, got 0"):
        InputSize(0.0)


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(1.0, 500.0))
def test_the_smallest_face_keeps_its_pixels(width: int, height: int, min_face_px: float) -> None:
    placed = InputSize(min_face_px).placement(width, height)

    longer = max(placed.width, placed.height)
    shown_px = min_face_px * longer / max(width, height)
    assert shown_px >= FACE_PX - 1e-3 or longer in (LONGEST_PX, max(width, height))
    assert placed.input_height % MULTIPLE_PX == placed.input_width % MULTIPLE_PX == 0
