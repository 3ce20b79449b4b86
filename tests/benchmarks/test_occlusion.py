"""Painted covers, and the rows that tell whether they are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks._occluders import OCCLUDERS, Sitter, covered
from benchmarks._occlusion_fit import CLEAN, Samples
from benchmarks.occlusion import leave_out, main, measure
from pipeline.errors import BadInputError

LANDMARKS = np.array([(80, 80), (120, 80), (100, 100), (85, 120), (115, 120)], np.float32)


def sitter(seed: int) -> Sitter:
    image = np.random.default_rng(seed).integers(60, 200, (220, 200, 3), np.uint8)
    return Sitter(image, np.array([60, 50, 140, 150], np.float32), LANDMARKS)


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_a_cover_hides_some_of_the_face_and_repeats_itself(kind: str) -> None:
    before = sitter(1).image.copy()
    one, other = sitter(1), sitter(2)
    for seed in range(12):
        spoiled = covered(one, other, kind, np.random.default_rng(seed))
        again = covered(one, other, kind, np.random.default_rng(seed))
        changed = np.any(spoiled[50:150, 60:140] != one.image[50:150, 60:140], axis=2)
        assert 0.02 < np.mean(changed) < 0.98
        np.testing.assert_array_equal(spoiled, again)
    np.testing.assert_array_equal(one.image, before)


def test_a_face_at_the_edge_can_be_covered_too() -> None:
    near = Sitter(sitter(1).image, np.array([-20, -10, 60, 90], np.float32), LANDMARKS - 80)
    for kind in OCCLUDERS:
        assert covered(near, near, kind, np.random.default_rng(0)).shape == near.image.shape


def random_samples() -> Samples:
    kinds = np.tile(np.arange(CLEAN, len(OCCLUDERS)), 20)
    small = np.random.default_rng(0).integers(0, 255, (len(kinds), 36, 36, 3), np.uint8)
    cost = np.where(kinds == CLEAN, 0.0, 0.5).astype(np.float32)
    return Samples(small, cost, kinds, np.arange(len(kinds)) // 10, np.ones(len(kinds), np.float32))


@pytest.mark.parametrize("kind", [CLEAN, 0, 8])
def test_whom_and_what_it_is_asked_about_was_not_taught(kind: int) -> None:
    split = leave_out(random_samples(), kind)
    assert not set(split.taught.person.tolist()) & set(split.covered.person.tolist())
    assert not set(split.taught.person.tolist()) & set(split.clean.person.tolist())
    assert set(split.clean.kind.tolist()) == {CLEAN}
    all_kinds = set(range(len(OCCLUDERS)))
    if kind == CLEAN:
        assert set(split.covered.kind.tolist()) == all_kinds
        assert set(split.taught.kind.tolist()) == all_kinds | {CLEAN}
    else:
        assert set(split.covered.kind.tolist()) == {kind}
        assert set(split.taught.kind.tolist()) == (all_kinds | {CLEAN}) - {kind}


def test_a_row_a_kind_left_out() -> None:
    rows = list(measure(random_samples(), epochs=1))
    assert [row.left_out for row in rows] == ["none", *OCCLUDERS]
    assert [row.covers for row in rows] == [90, *[10] * 9]
    assert {row.cost for row in rows} == {0.5}


def test_without_data_it_says_where_to_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FACESTREAM_TEST_DATA", raising=False)
    with pytest.raises(BadInputError, match="--data or FACESTREAM_TEST_DATA"):
        main(["--models", str(tmp_path)])
