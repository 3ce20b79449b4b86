"""The trunk alone: its features and its last layer give the network's own vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.build.network_files import reference_engine
from engines.networks.inception_resnet_v1 import InceptionResnetV1
from engines.training.trunk import last_layer, open_trunk
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch


def test_the_last_layer_is_bottleneck_and_batch_norm() -> None:
    torch.manual_seed(0)
    network = InceptionResnetV1().eval()
    norm = network.batch_norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.inference_mode():
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
        features = torch.randn(3, 1792)
        want = norm(network.bottleneck(features)).numpy()

    assert last_layer(network).outputs(features.numpy()) == pytest.approx(want, abs=1e-4)


@pytest.mark.models
def test_features_and_last_layer_give_the_models_vectors_whatever_the_batch(
    catalogue: Catalogue, models_dir: Path
) -> None:
    model = catalogue.model("facenet-20180408")
    source = fetch(model, ModelCache(models_dir))[0]
    crops = np.random.default_rng(0).integers(0, 256, (19, 160, 160, 3), dtype=np.uint8)

    with reference_engine(model, source, threads=1) as engine:
        want = engine.infer({engine.inputs[0].name: crops[:3]})[engine.outputs[0].name]
    with open_trunk(model, source, threads=1) as trunk:
        together = trunk.features(crops)
        alone = trunk.features(crops[17:18])
        nothing = trunk.features(crops[:0])

    assert np.abs(trunk.last_layer.vectors(together[:3]) - want).max() < 1e-5
    assert np.array_equal(together[17:18], alone)
    assert nothing.shape == (0, 1792)
