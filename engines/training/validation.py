"""How good a network is on faces that it does not learn from: what decides which weights are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from engines.arrays import F32, F64, I64, Bools
from engines.errors import TrainingError
from engines.evaluation.verification import area_under_roc, distance_matrix, threshold_at_far, val_at
from engines.training.settings import BestBy
from engines.training.sources import FaceSource

FAR = 1e-3
"""at which VAL is told, as in FaceNet's section 4"""


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures to choose by; those to be told come from other people (engines/evaluation/held_out.py)."""

    accuracy: float
    val: float
    """the part of pairs of one person that is accepted at a FAR of 1e-3"""
    auc: float

    def figure(self, by: BestBy) -> float:
        """The one that is to be high."""
        return {BestBy.ACCURACY: self.accuracy, BestBy.VAL: self.val, BestBy.AUC: self.auc}[by]


MAX_FACES = 4000
"""to validate on: eight million pairs, and half a gigabyte while they are sorted"""

Validate = Callable[[nn.Module], Validation]
"""a network in eval() and without gradients -> its figures"""


def vectors_of(network: nn.Module, source: FaceSource, rows: I64 | None = None, batch: int = 64) -> F32:
    """Vectors (n, D) of these faces, or of all, as they are, on the device that the network is on."""
    rows = np.arange(len(source.people), dtype=np.int64) if rows is None else rows
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            found = [
                network(source.plain(rows[begin : begin + batch]).to(device)).float().cpu().numpy()
                for begin in range(0, len(rows), batch)
            ]
    finally:
        network.train(training)
    return np.concatenate(found)


def validate_on(source: FaceSource) -> Validate:
    """A validation over all pairs of a source's faces, or of `MAX_FACES` of them: people by chance, always the same.

    Raises TrainingError where there is no pair of a kind.
    """
    _, counts = np.unique(source.people, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise TrainingError(
            f"validation needs two people and two photos of one at least, got {len(source.people)} faces of "
            f"{len(counts)} people"
        )
    return partial(_validated, source, judged_rows(source.people))


def judged_rows(people: I64) -> I64:
    """Which faces to validate on: those of whole people, as many as may be; of two people at least."""
    found, whose, counts = np.unique(people, return_inverse=True, return_counts=True)
    if len(people) <= MAX_FACES:
        return np.arange(len(people), dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(found))
    # Those with a pair of their own come first, so that there is one.
    order = order[np.argsort(counts[order] < 2, kind="stable")]
    taken = max(2, int(np.searchsorted(np.cumsum(counts[order]), MAX_FACES, side="right")))
    return np.flatnonzero(np.isin(whose, order[:taken])).astype(np.int64)


def _validated(source: FaceSource, rows: I64, network: nn.Module) -> Validation:
    vectors = vectors_of(network, source, rows)
    upper = np.triu_indices(len(vectors), 1)
    people = source.people[rows]
    same = (people[:, None] == people[None, :])[upper]
    return judged(distance_matrix(vectors, vectors)[upper].astype(np.float64), same)


def judged(distances: F64, same: Bools) -> Validation:
    """The figures of pairs (P,), of which these show one person."""
    genuine, impostors = np.sort(distances[same]), np.sort(distances[~same])
    return Validation(
        accuracy=_best_accuracy(genuine, impostors),
        val=val_at(genuine, threshold_at_far(impostors, FAR)),
        auc=area_under_roc(distances, same),
    )


def _best_accuracy(genuine: F64, impostors: F64) -> float:
    """The mean of pairs rightly accepted and rightly refused at the threshold where it is highest, both sorted.

    The threshold is chosen on the same pairs, so the figure flatters: good for comparing, not for telling.
    """
    thresholds = np.append(impostors, np.inf)  # accepting most without accepting one more impostor
    accepted = np.searchsorted(genuine, thresholds, side="left") / len(genuine)
    refused = 1.0 - np.searchsorted(impostors, thresholds, side="left") / len(impostors)
    return float((accepted + refused).max() / 2.0)
