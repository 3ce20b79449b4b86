"""How a head is trained on a frozen trunk: where it begins, and the settings that suit it.

It begins as the network's own last layer followed by principal components, which lose nothing: FaceNet's 512 numbers
spread over about a hundred directions. Triplets then move it, a little: half of LFW has some 600 people with two
photos, and 229,504 weights would learn those by heart. So the steps are few and small. docs/training.md has what was
tried.
"""

from __future__ import annotations

from engines.arrays import F32, I64
from engines.networks.head import FEATURES
from engines.training.head_network import HeadNetwork
from engines.training.layer import Layer
from engines.training.principal_components import shortened

STEPS = 200
LEARNING_RATE = 1e-5
"""of Adam; from 3e-5 on it is worse on new people than where it began"""
PEOPLE, PHOTOS, OTHERS = 64, 4, 128
"""in a batch: people, photos of each at most, and faces of people with one photo, who are negatives alone"""


def begin(network: HeadNetwork, last_layer: Layer, features: F32, people: I64) -> None:
    """Give the network the weights that training begins with.

    Args:
        last_layer: the trunk's own, `Trunk.last_layer`.
        features: (N, 1792) of the training people's faces, unchanged.
        people: (N,) who they are of.

    Raises TrainingError where there are not more people than the head has dimensions.
    """
    assert features.shape[1] == FEATURES
    start = shortened(last_layer, features, people, network.linear.out_features)
    network.start_from(start.weight, start.bias)
