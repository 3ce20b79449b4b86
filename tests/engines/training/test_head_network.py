"""A head while it learns gives what the head that is made of it gives."""

from __future__ import annotations

import numpy as np
import torch

from engines.training.head_network import HeadNetwork


def test_it_begins_with_the_weights_that_it_is_given_and_gives_unit_vectors() -> None:
    random = np.random.default_rng(0)
    weight, bias = (random.normal(size=shape).astype(np.float32) for shape in ((3, 5), (3,)))
    network = HeadNetwork(5, 3)
    network.start_from(weight, bias)
    features = random.normal(size=(4, 5)).astype(np.float32)
    wanted = features @ weight.T + bias
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    with torch.inference_mode():
        np.testing.assert_allclose(network(torch.from_numpy(features)).numpy(), wanted, atol=1e-6)
    found = network.numbers()
    np.testing.assert_array_equal(found[0], weight)
    np.testing.assert_array_equal(found[1], bias)
