"""A linear layer as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from engines.training.layer import Layer, folded


def test_vectors_have_the_direction_of_outputs_and_length_1() -> None:
    random = np.random.default_rng(0)
    layer = Layer(random.normal(size=(4, 6)).astype(np.float32), random.normal(size=4).astype(np.float32))
    inputs = random.normal(size=(3, 6)).astype(np.float32)
    outputs, vectors = layer.outputs(inputs), layer.vectors(inputs)

    assert outputs == pytest.approx(inputs @ layer.weight.T + layer.bias, abs=1e-6)
    assert vectors * np.linalg.norm(outputs, axis=1, keepdims=True) == pytest.approx(outputs, abs=1e-6)


def test_a_folded_batch_norm_gives_what_both_give() -> None:
    random = np.random.default_rng(2)
    weight, mean, offset = random.normal(size=(4, 6)), random.normal(size=4), random.normal(size=4)
    deviation, inputs = random.uniform(0.5, 2.0, 4), random.normal(size=(3, 6)).astype(np.float32)
    want = (inputs @ weight.T - mean) / deviation + offset

    assert folded(weight, mean, deviation, offset).outputs(inputs) == pytest.approx(want, abs=1e-5)


def test_a_layer_checks_itself() -> None:
    with pytest.raises(ValueError, match=r"weight must be \(D, F\)"):
        Layer(np.zeros((2, 3), np.float32), np.zeros(3, np.float32))
