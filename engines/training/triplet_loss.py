"""FaceNet's triplet loss on squared distances of unit vectors (arXiv 1503.03832, equations 1 and 2).

For an anchor a, another face p of the same person and a face n of somebody else: [|a-p|² - |a-n|² + margin]+.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from engines.training.mining import Triplets


@dataclass(frozen=True, slots=True)
class TripletLoss:
    """The loss of a batch, and how many triplets it stands on."""

    loss: Tensor
    """a scalar: the mean over the active triplets, 0 where none is"""
    active: int
    """triplets that cost anything"""
    triplets: int


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Squared L2 distances (A, G), float32, of unit vectors (A, D) and (G, D).

    For unit vectors |a-b|² is 2 - 2ab. Its gradient is finite everywhere, also where a and b are the same point;
    that of a plain distance is not. On the sphere both forms pull the same way: the part along the vector is what
    the network's own normalisation takes out.
    """
    # Products of float16 or bfloat16 would leave nothing of a margin of 0.2.
    with torch.autocast(first.device.type, enabled=False):
        return 2.0 - 2.0 * (first.float() @ second.float().T)


def triplet_loss(distances: Tensor, triplets: Triplets, margin: float) -> TripletLoss:
    """The loss of triplets, which are rows and columns of squared distances (A, G).

    The paper sums over all triplets; this is the mean over those that cost something. A sum grows with the batch,
    and a mean over all fades as more and more triplets are solved, so the learning rate would mean another thing
    in every batch and at every time. Where nothing is active there is no gradient, but the graph stays whole.
    """
    near = distances[triplets.anchors, triplets.positives]  # (T,)
    far = distances[triplets.anchors, triplets.negatives]  # (T,)
    costs = torch.relu(near - far + margin)
    active = int((costs.detach() > 0.0).sum())
    return TripletLoss(costs.sum() / max(active, 1), active, len(costs))
