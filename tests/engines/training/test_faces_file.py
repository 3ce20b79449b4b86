"""Cut faces on disk: what was added is there, whatever ended the writing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.arrays import F32, U8
from engines.training.faces_file import CROPS, ROWS, VECTORS, CutFaces, FaceRow, FacesWriter, read_faces

SIDE_PX, DIMENSION = 4, 3


def row(number: int) -> FaceRow:
    return FaceRow(f"Zoë/{number}.png", "Zoë", "Zoë", faces=2, rival=0.5, side_px=48.25, quality=0.75)


def crops(begin: int, end: int) -> U8:
    return np.stack([np.full((SIDE_PX, SIDE_PX, 3), each, np.uint8) for each in range(begin, end)])


def vectors(begin: int, end: int) -> F32:
    return np.stack([np.full(DIMENSION, each, np.float32) for each in range(begin, end)])


def add(folder: Path, begin: int, end: int) -> int:
    """How many were there before."""
    with FacesWriter(folder, SIDE_PX, DIMENSION) as writer:
        before = writer.count
        writer.add([row(each) for each in range(begin, end)], crops(begin, end), vectors(begin, end))
        return before


def check(found: CutFaces, count: int) -> None:
    assert found.rows == tuple(map(row, range(count)))
    np.testing.assert_array_equal(found.crops, crops(0, count))
    np.testing.assert_array_equal(found.vectors, vectors(0, count))


def test_what_was_added_is_there_and_more_goes_behind_it(tmp_path: Path) -> None:
    assert add(tmp_path / "new", 0, 3) == 0
    assert add(tmp_path / "new", 3, 5) == 3
    check(read_faces(tmp_path / "new", SIDE_PX, DIMENSION), 5)


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    found = read_faces(tmp_path / "none", SIDE_PX, DIMENSION)
    assert len(found) == 0
    assert found.crops.shape == (0, SIDE_PX, SIDE_PX, 3)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from([ROWS, CROPS, VECTORS]), cut=st.integers(0, 400))
def test_a_file_that_was_cut_short_costs_its_own_rows_alone(
    tmp_path_factory: pytest.TempPathFactory, name: str, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    add(folder, 0, 5)
    file = folder / name
    file.write_bytes(file.read_bytes()[: max(0, file.stat().st_size - cut)])
    count = len(read_faces(folder, SIDE_PX, DIMENSION))
    assert count >= 5 - 1 - cut // 12  # bytes of a vector, the smallest of the three
    assert add(folder, count, 7) == count
    check(read_faces(folder, SIDE_PX, DIMENSION), 7)


def test_a_line_that_is_none_ends_what_is_there(tmp_path: Path) -> None:
    add(tmp_path, 0, 3)
    lines = (tmp_path / ROWS).read_text("utf-8").splitlines(keepends=True)
    (tmp_path / ROWS).write_text(lines[0] + '{"name": 3}\n' + lines[2], "utf-8")
    assert len(read_faces(tmp_path, SIDE_PX, DIMENSION)) == 1


def test_crops_of_another_side_are_refused(tmp_path: Path) -> None:
    with (
        FacesWriter(tmp_path, SIDE_PX + 1, DIMENSION) as writer,
        pytest.raises(ValueError, match=r"crops must be uint8 \(1, 5, 5, 3\), got uint8 \(1, 4, 4, 3\)"),
    ):
        writer.add([row(0)], crops(0, 1), vectors(0, 1))
