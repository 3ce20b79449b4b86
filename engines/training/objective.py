"""What a batch costs: the default is the triplet loss over the batch's own vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engines.arrays import I64
from engines.errors import TrainingError
from engines.training.mining import Pairs, mined, pairs_of
from engines.training.settings import Negatives
from engines.training.triplet_loss import squared_distances, triplet_loss

UNIT_TOLERANCE = 0.02
"""how far a length may be from 1: bfloat16 keeps three digits"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Which faces are in a batch."""

    rows: I64
    """(B,) of the source"""
    people: I64
    """(B,)"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a batch costs, and how far apart its faces are."""

    loss: Tensor
    """a scalar with a gradient"""
    triplets: int
    active: int
    """triplets that cost anything"""
    pairs: int
    """anchors with a positive; a triplet's first two"""
    positive_distance: float
    """mean squared distance of pairs of one person"""
    negative_distance: float
    """mean squared distance of pairs of two people"""

    @property
    def active_share(self) -> float:
        """The share that costs something: of pairs where each has one negative, of triplets where each has all."""
        return self.active / max(self.pairs, self.triplets, 1)


class Objective(Protocol):
    """Says what vectors cost."""

    def __call__(self, vectors: Tensor, batch: Batch, random: torch.Generator) -> Measured:
        """The cost of unit vectors (B, D), float32; `random` is on the processor and anew for each step."""
        ...


@dataclass(frozen=True, slots=True)
class TripletObjective:
    """The triplet loss over all anchor-positive pairs of the batch."""

    margin: float
    negatives: Negatives

    def __call__(self, vectors: Tensor, batch: Batch, random: torch.Generator) -> Measured:
        people = torch.from_numpy(batch.people).to(vectors.device)
        distances = squared_distances(vectors, vectors)
        return measured(distances, pairs_of(people), self.margin, self.negatives, random)


def measured(
    distances: Tensor, pairs: Pairs, margin: float, negatives: Negatives, random: torch.Generator
) -> Measured:
    """The cost of squared distances (A, G) whose pairs are these."""
    known = distances.detach()
    triplets = mined(known, pairs, margin, negatives, random)
    cost = triplet_loss(distances, triplets, margin)
    return Measured(
        loss=cost.loss,
        triplets=cost.triplets,
        active=cost.active,
        pairs=int(pairs.same.sum()),
        positive_distance=_mean(known, pairs.same),
        negative_distance=_mean(known, pairs.other),
    )


def check_unit(vectors: Tensor) -> None:
    """Raise TrainingError where vectors (B, D) are not of unit length; not a number passes, and ends the run."""
    lengths = vectors.detach().float().norm(dim=1)
    if vectors.dim() != 2 or bool(((lengths - 1.0).abs() > UNIT_TOLERANCE).any()):
        raise TrainingError(
            f"the network must give unit vectors (B, D), got {tuple(vectors.shape)} of length "
            f"{float(lengths.flatten()[0]):.3g}; normalise what it returns"
        )


def _mean(distances: Tensor, chosen: Tensor) -> float:
    """The mean of the chosen; 0 where none is."""
    return float(distances[chosen].mean()) if bool(chosen.any()) else 0.0
