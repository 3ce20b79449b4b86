"""Which triplets of a batch are learned from: all anchor-positive pairs, each with negatives of a chosen kind.

Online, in the mini-batch, as FaceNet has it (arXiv 1503.03832, section 3.2): distances are those of the network as
it is at this step. Everything here is whole-matrix work without gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.training.settings import Negatives

BLOCK_CELLS = 1 << 22
"""pairs times negatives looked at together: 4 M cells, so that a batch of 1,800 faces needs no gigabytes"""


@dataclass(frozen=True, slots=True)
class Triplets:
    """Rows (anchors) and columns (positives, negatives) of a matrix of distances, each int64 (T,)."""

    anchors: Tensor
    positives: Tensor
    negatives: Tensor

    def __len__(self) -> int:
        return len(self.anchors)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Who may be whose positive or negative: bool (A, G) each, like the matrix of distances."""

    same: Tensor
    """of one person, and not the same face"""
    other: Tensor
    """of two people"""

    def __post_init__(self) -> None:
        if self.same.shape != self.other.shape or self.same.dim() != 2:
            raise ValueError(
                f"same and other must be (A, G), got {tuple(self.same.shape)} and {tuple(self.other.shape)}"
            )


def pairs_of(people: Tensor) -> Pairs:
    """The pairs of a batch whose faces are of these people, int64 (B,)."""
    alike = people[:, None] == people[None, :]  # (B, B)
    return Pairs(alike & ~torch.eye(len(people), dtype=torch.bool, device=people.device), ~alike)


@torch.no_grad()
def mined(
    distances: Tensor, pairs: Pairs, margin: float, negatives: Negatives, random: torch.Generator
) -> Triplets:
    """The triplets to learn from, of squared distances (A, G).

    Every pair of `same` is an anchor and a positive. A pair without a negative of the kind asked for gives no
    triplet. Semi-hard is |a-p|² < |a-n|² < |a-p|² + margin, both strictly. `random`, on the processor, chooses
    among them; equal distances go to the first column.
    """
    anchors, positives = pairs.same.nonzero(as_tuple=True)  # (P,) each, row by row
    if not len(anchors):
        return Triplets(anchors, positives, positives)
    # Drawn for every pair, so that one pair's luck does not hang on how many before it had a choice.
    luck = torch.rand(len(anchors), generator=random).to(distances.device)  # (P,)
    found = []
    for block in _blocks(len(anchors), distances.shape[1]):
        a, p = anchors[block], positives[block]
        chosen = _negatives(distances[a], distances[a, p], pairs.other[a], margin, negatives, luck[block])
        rows, columns = chosen.nonzero(as_tuple=True)
        found.append(Triplets(a[rows], p[rows], columns))
    parts = zip(*((each.anchors, each.positives, each.negatives) for each in found), strict=True)
    return Triplets(*(torch.cat(part) for part in parts))


def _blocks(pairs: int, columns: int) -> Iterator[slice]:
    size = max(1, BLOCK_CELLS // max(columns, 1))
    for begin in range(0, pairs, size):
        yield slice(begin, begin + size)


def _negatives(
    far: Tensor, near: Tensor, allowed: Tensor, margin: float, kind: Negatives, luck: Tensor
) -> Tensor:
    """The negatives chosen, bool (P, G), for pairs whose anchors are `far` (P, G) from all, positives `near` (P,)."""
    if kind is Negatives.ALL:
        return allowed
    if kind is not Negatives.HARDEST:
        allowed = allowed & (far > near[:, None]) & (far < near[:, None] + margin)
    if kind is Negatives.SEMI_HARD:
        places = allowed.cumsum(
            dim=1, dtype=torch.int32
        )  # 1 at the first allowed column, 2 from the second on
        last = places[:, -1]
        wanted = torch.minimum((luck * last).to(torch.int32), last - 1) + 1
        return allowed & (places == wanted[:, None])
    nearest = far.masked_fill(~allowed, torch.inf).argmin(dim=1, keepdim=True)
    return torch.zeros_like(allowed).scatter_(1, nearest, allowed.gather(1, nearest))
