"""The one check that every value makes of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.arrays import check_array, check_rows


@pytest.mark.parametrize("value", [np.zeros((3, 4), np.float32), np.zeros((0, 4), np.float32)])
def test_a_name_in_the_shape_stands_for_any_length(value: NDArray[Any]) -> None:
    check_array("boxes", value, np.float32, ("N", 4))


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.zeros((3, 4), np.float64), r"float64 \(3, 4\)"),
        (np.zeros((3, 5), np.float32), r"float32 \(3, 5\)"),
        (np.zeros((4,), np.float32), r"float32 \(4,\)"),
        (np.zeros((1, 3, 4), np.float32), r"float32 \(1, 3, 4\)"),
    ],
)
def test_another_type_or_shape_is_refused_with_both(value: NDArray[Any], got: str) -> None:
    with pytest.raises(ValueError, match=rf"boxes must be float32 \(N, 4\), got {got}"):
        check_array("boxes", value, np.float32, ("N", 4))


def test_a_vector_is_written_as_one() -> None:
    with pytest.raises(ValueError, match=r"scores must be float32 \(N,\), got"):
        check_array("scores", np.zeros((3, 1), np.float32), np.float32, ("N",))


def test_every_array_has_the_rows() -> None:
    check_rows(2, a=np.zeros(2), b=np.zeros((2, 9)))
    with pytest.raises(ValueError, match="b must have 2 rows, one a face, got 3"):
        check_rows(2, a=np.zeros(2), b=np.zeros((3, 9)))
