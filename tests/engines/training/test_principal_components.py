"""Shortened layers: the directions that people spread in, whatever the sign and however many photos."""

from __future__ import annotations

import numpy as np
import pytest

from engines.arrays import F32, I64
from engines.errors import TrainingError
from engines.training.layer import Layer
from engines.training.principal_components import shortened

FEATURES, OUTPUTS, WIDE = 12, 8, 3


def layer() -> Layer:
    random = np.random.default_rng(0)
    return Layer(*(random.normal(size=shape).astype(np.float32) for shape in ((OUTPUTS, FEATURES), OUTPUTS)))


def faces(count: int = 60) -> F32:
    """People who differ widely in three directions, and next to nothing in the others."""
    random = np.random.default_rng(1)
    wide = random.normal(size=(count, WIDE)) @ random.normal(size=(WIDE, FEATURES))
    return np.asarray(wide + 1e-3 * random.normal(size=(count, FEATURES)) + 2.0, np.float32)


def numbers(count: int = 60) -> I64:
    return np.arange(count, dtype=np.int64)


def test_the_directions_that_hold_everything_keep_all_distances() -> None:
    short = shortened(layer(), faces(), numbers(), WIDE)
    before, after = layer().outputs(faces()), short.outputs(faces())
    apart = np.linalg.norm(before[:30] - before[30:], axis=1)
    still = np.linalg.norm(after[:30] - after[30:], axis=1)

    assert short.weight.shape == (WIDE, FEATURES)
    assert still / apart == pytest.approx(np.full(30, still[0] / apart[0]), rel=1e-3)
    assert after.mean(axis=0) == pytest.approx(np.zeros(WIDE), abs=1e-4)
    assert np.linalg.norm(after, axis=1).mean() == pytest.approx(1.0, abs=1e-4)
    assert np.linalg.norm(short.vectors(faces()), axis=1) == pytest.approx(np.ones(60), abs=1e-6)


def test_everybody_counts_once() -> None:
    many = np.concatenate([faces(), np.repeat(faces()[:1], 500, axis=0)])
    people = np.concatenate([numbers(), np.zeros(500, np.int64)])
    once, often = shortened(layer(), faces(), numbers(), WIDE), shortened(layer(), many, people, WIDE)

    assert np.array_equal(once.weight, often.weight)
    assert np.array_equal(once.bias, often.bias)


def test_too_few_people_and_too_many_dimensions() -> None:
    with pytest.raises(TrainingError, match="more people than that, got 5"):
        shortened(layer(), faces(5), numbers(5), 5)
    with pytest.raises(TrainingError, match="9 dimensions of a layer that has 8"):
        shortened(layer(), faces(), numbers(), 9)
