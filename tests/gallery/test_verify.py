"""1:1: the largest face of each photo, and the threshold."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.verify import Comparison, compare, describe_largest

RECOGNISER = PaintedRecogniser()


def test_no_face_is_described_as_nothing() -> None:
    assert describe_largest(paint([]), RECOGNISER) is None


def test_the_largest_face_is_described() -> None:
    small, large = PaintedFace(1, box=(5, 5, 50, 60)), PaintedFace(2, quality=0.6, box=(100, 20, 200, 160))
    described = describe_largest(paint([small, large]), RECOGNISER)
    assert described is not None
    assert described.faces == 2
    assert described.quality == pytest.approx(0.6)
    np.testing.assert_array_equal(described.vector, RECOGNISER.vector(2))


@pytest.mark.parametrize(("people", "same"), [((1, 1), True), ((1, 2), False)])
def test_two_photos_are_compared(people: tuple[int, int], same: bool) -> None:
    a, b = (describe_largest(paint([PaintedFace(who, shot)]), RECOGNISER) for shot, who in enumerate(people))
    assert a is not None
    assert b is not None
    comparison = compare(a, b, 1.1)
    assert comparison.same is same
    assert comparison.distance == pytest.approx(float(np.sum((a.vector - b.vector) ** 2)), abs=1e-6)
    assert compare(b, a, 1.1) == comparison


def test_the_threshold_itself_is_another_person() -> None:
    assert not Comparison(1.1, 1.1).same
    assert Comparison(1.0, 1.1).same
    assert Comparison(0.63, 1.1).similarity == pytest.approx(0.685)
