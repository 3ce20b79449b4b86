"""Surfaces check themselves, and tell kernels where they are."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.cuda.surface import Colour, Layout, Surface, table


def test_a_row_has_the_picture_and_the_place() -> None:
    surface = Surface(4096, 48, 64, 64, Layout.NV12, 8192, Colour.BT709_FULL, True, 1)

    rows = table([surface.row((1, 2, 3, 4)), surface.row((5, 6, 7, 8))])

    assert rows.dtype == np.int64
    assert rows[0].tolist() == [4096, 8192, 48, 64, 64, 1, 3, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0]
    assert rows.shape == (2, 17)


def test_its_size_counts_rows_as_stored() -> None:
    assert Surface(1, 40, 30, 128).size_bytes == 128 * 30
    flat = Surface(1, 40, 31, 64, Layout.NV12, 9)
    assert flat.size_bytes == 64 * (31 + 16)
    assert flat.turned(False, 1).size_bytes == flat.size_bytes
    assert (flat.turned(False, 1).width, flat.turned(False, 1).height) == (31, 40)
    assert flat.turned(True, 1).turned(False, 0).width == 40


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"pointer": 0}, "an address"),
        ({"pitch_bytes": 119}, "a pitch of at least 120 bytes"),
        ({"layout": Layout.NV12}, "second plane"),
        ({"quarter_turns": 4, "height": 40}, "quarter_turns must be 0 to 3, got 4"),
    ],
)
def test_what_cannot_be_is_refused(what: dict[str, int], says: str) -> None:
    known: dict[str, int] = {"pointer": 1, "width": 40, "height": 30, "pitch_bytes": 120} | what
    with pytest.raises(ValueError, match=says):
        Surface(**known)  # type: ignore[arg-type]
