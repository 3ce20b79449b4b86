"""Fusing a track's best shots into its template."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.gallery.int8_grid import on_grid, to_grid
from pipeline.matching.fusion import BestShots, Shot
from tests.gallery.people import face


def unit(*values: float) -> F32:
    vector = np.array(values, np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def test_the_template_is_the_quality_weighted_mean_on_the_sphere() -> None:
    shots = BestShots(5)
    shots.add(Shot(unit(1, 0, 0), 0.9, 0))
    shots.add(Shot(unit(0, 1, 0), 0.3, 1))
    fused = shots.fuse()
    assert np.allclose(fused.template, unit(0.9, 0.3, 0), atol=1e-6)
    assert fused.template.dtype == np.float32
    assert (fused.frames_fused, fused.best_quality) == (2, 0.9)
    assert fused.weight == pytest.approx(1.2)


def test_only_the_best_are_kept_and_the_order_of_arrival_does_not_matter() -> None:
    shots = [Shot(unit(k + 1, 1, 0), q, k) for k, q in enumerate([0.2, 0.9, 0.5, 0.9, 0.1])]
    one, other = BestShots(3), BestShots(3)
    for shot in shots:
        one.add(shot)
    for shot in reversed(shots):
        other.add(shot)
    assert one.fuse().template.tobytes() == other.fuse().template.tobytes()
    assert one.fuse().weight == pytest.approx(0.9 + 0.9 + 0.5)


def test_opposite_shots_leave_the_best_one() -> None:
    shots = BestShots(5)
    shots.add(Shot(unit(1, 0), 0.5, 0))
    shots.add(Shot(unit(-1, 0), 0.5, 1))
    assert np.allclose(shots.fuse().template, unit(1, 0))


def test_no_shot_no_template() -> None:
    with pytest.raises(ValueError, match="without a shot"):
        BestShots(3).fuse()


def test_a_template_of_shots_kept_as_int8_lies_on_the_grid() -> None:
    shots = [Shot(np.asarray(to_grid(face(1, shot)[None])[0]), 0.3 + 0.1 * shot, shot) for shot in range(4)]
    plain, kept, alone = BestShots(3), BestShots(3, "int8"), BestShots(3, "int8")
    for shot in shots:
        plain.add(shot)
        kept.add(shot)
    alone.add(shots[0])
    mean = plain.fuse().template
    assert on_grid(mean[None]) is None
    np.testing.assert_array_equal(kept.fuse().template, to_grid(mean[None])[0])
    # One shot's mean is that shot, though dividing by its length moved its last bits.
    assert alone.fuse().template.tobytes() == shots[0].vector.tobytes()
