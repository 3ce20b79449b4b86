"""Numbers computed once: the second time nothing is, and after a break only the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32
from engines.training.kept_rows import ROWS_AT_ONCE, kept_rows, whole_rows

COUNT = 2 * ROWS_AT_ONCE + 5


def compute(part: slice) -> F32:
    return np.repeat(np.arange(part.start, part.stop, dtype=np.float32)[:, None, None], 6, axis=1).reshape(
        -1, 2, 3
    )


def refuse(part: slice) -> F32:
    raise AssertionError("nothing is left to compute")


def test_rows_are_computed_once(tmp_path: Path) -> None:
    first = kept_rows(tmp_path / "x.f32", COUNT, (2, 3), compute)
    np.testing.assert_array_equal(first, compute(slice(0, COUNT)))
    np.testing.assert_array_equal(kept_rows(tmp_path / "x.f32", COUNT, (2, 3), refuse), first)


def test_a_broken_run_goes_on_behind_the_last_whole_row(tmp_path: Path) -> None:
    path = tmp_path / "x.f32"

    def broken(part: slice) -> F32:
        if part.start:
            raise RuntimeError("the engine broke")
        return compute(part)

    with pytest.raises(RuntimeError, match="the engine broke"):
        kept_rows(path, COUNT, (2, 3), broken)
    path.write_bytes(path.read_bytes()[:-1])
    asked: list[int] = []

    def noted(part: slice) -> F32:
        asked.append(part.start)
        return compute(part)

    np.testing.assert_array_equal(kept_rows(path, COUNT, (2, 3), noted), compute(slice(0, COUNT)))
    assert asked[0] == ROWS_AT_ONCE - 1


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    kept_rows(tmp_path / "x.f32", COUNT, (2, 3), compute, told.append)
    assert told == [0, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE, COUNT]


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rows must be float32 of \(2,\) each"):
        kept_rows(tmp_path / "x.f32", 3, (2,), compute)


def test_rows_that_are_not_all_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.f32"
    assert whole_rows(path, COUNT, (2, 3)) is None
    first = kept_rows(path, COUNT, (2, 3), compute)
    there = whole_rows(path, COUNT, (2, 3))
    assert there is not None
    np.testing.assert_array_equal(there, first)
    assert whole_rows(path, COUNT + 1, (2, 3)) is None
