"""Where a head begins: as good as the layer that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engines.errors import TrainingError
from engines.networks.head import FEATURES
from engines.training.head import begin
from engines.training.head_network import HeadNetwork
from engines.training.layer import Layer
from engines.training.principal_components import shortened


def test_a_head_begins_as_the_last_layers_principal_components() -> None:
    random = np.random.default_rng(0)
    layer = Layer(random.normal(size=(32, FEATURES)).astype(np.float32), np.zeros(32, np.float32))
    features, people = random.normal(size=(40, FEATURES)).astype(np.float32), np.arange(40, dtype=np.int64)
    network = HeadNetwork(FEATURES, 8)
    begin(network, layer, features, people)
    with torch.inference_mode():
        found = network(torch.from_numpy(features)).numpy()

    assert found == pytest.approx(shortened(layer, features, people, 8).vectors(features), abs=1e-5)


def test_too_few_people() -> None:
    layer = Layer(np.ones((32, FEATURES), np.float32), np.zeros(32, np.float32))
    with pytest.raises(TrainingError, match="need more people"):
        begin(HeadNetwork(FEATURES, 8), layer, np.ones((8, FEATURES), np.float32), np.arange(8))
