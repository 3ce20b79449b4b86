"""Harmonic embeddings: a new network learns to give vectors that may be compared with those of an old one.

FaceNet (arXiv 1503.03832), its appendix and figure 8. The triplets mix both: the anchor is a vector of the new network,
positives and negatives are vectors of the new one and of the old one alike, so that a gallery that the old network
made is searched by the new one, and nobody has to be described again. The old network does not change: its vectors are
numbers here. The paper starts from a network that was trained by itself, draws its last layer anew, trains that, and
then all of it; `draw_last_layer` is the first of these steps.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engines.arrays import F32, I64
from engines.errors import TrainingError
from engines.evaluation.verification import distance_matrix
from engines.training.course import StepReport
from engines.training.loop import Outcome, ignore, never, train
from engines.training.mining import Pairs, pairs_of
from engines.training.objective import UNIT_TOLERANCE, Batch, Measured, measured
from engines.training.settings import Negatives, Settings
from engines.training.sources import FaceSource
from engines.training.triplet_loss import squared_distances
from engines.training.validation import Validate, Validation, judged, judged_rows, vectors_of


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """Faces as the new network is shown them, and the old network's vectors of them. Itself a `FaceSource`."""

    source: FaceSource
    old: F32
    """(N, D) unit length; row i is of face i of the source, as the product gives it: with its centre taken off"""

    def __post_init__(self) -> None:
        """Raises TrainingError where the vectors are none, or not of these faces."""
        count = len(self.source.people)
        if self.old.ndim != 2 or self.old.dtype != np.float32 or len(self.old) != count:
            raise TrainingError(
                f"the old model's vectors must be float32 ({count}, D), one for each face, got {self.old.dtype} "
                f"{self.old.shape}"
            )
        lengths = np.linalg.norm(self.old, axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE))
        if len(wrong):
            raise TrainingError(
                f"the old model's vectors must have length 1, that of face {wrong[0]} has "
                f"{lengths[wrong[0]]:.3g}; leave out photos that it cannot describe"
            )

    @property
    def people(self) -> I64:
        return self.source.people

    @property
    def fingerprint(self) -> str:
        """Of faces and vectors: a run does not go on beside another old model."""
        return f"{self.source.fingerprint}, beside {zlib.crc32(np.ascontiguousarray(self.old).tobytes()):08x}"

    def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
        """As the source's."""
        return self.source.inputs(rows, random)

    def plain(self, rows: I64) -> Tensor:
        """As the source's."""
        return self.source.plain(rows)


class HarmonicObjective:
    """The triplet loss of new anchors among new and old vectors. Implements `objective.Objective`."""

    def __init__(self, old: F32, margin: float, negatives: Negatives) -> None:
        """`old`: (N, D), row i of face i of the source that is learned from."""
        self._old = torch.from_numpy(np.array(old))
        self._margin = margin
        self._negatives = negatives

    def __call__(self, vectors: Tensor, batch: Batch, random: torch.Generator) -> Measured:
        old = self._old[torch.from_numpy(batch.rows)].to(vectors.device)  # (B, D), constants
        people = torch.from_numpy(batch.people).to(vectors.device)  # (B,)
        gallery = torch.cat([vectors, old])  # (2B, D)
        return measured(
            squared_distances(vectors, gallery), mixed_pairs(people), self._margin, self._negatives, random
        )


def mixed_pairs(people: Tensor) -> Pairs:
    """The pairs (B, 2B) of a batch's new vectors with its new and then its old ones, of these people (B,).

    A face's own old vector is a positive of its new one: that the two are near each other is what is wanted.
    """
    new = pairs_of(people)  # (B, B)
    alike = people[:, None] == people[None, :]
    return Pairs(torch.cat([new.same, alike], 1), torch.cat([new.other, ~alike], 1))


def train_harmonic(
    network: nn.Module,
    learning: Paired,
    choosing: Paired | None,
    settings: Settings,
    folder: Path,
    *,
    stop: Callable[[], bool] = never,
    on_step: Callable[[StepReport], None] = ignore,
) -> Outcome:
    """Teach a network to give vectors comparable with the old ones; all else is as `loop.train` has it.

    Args:
        network: gives unit vectors of the old ones' dimension. Its last layer is left as it is.
        choosing: other people, on whom the best weights are chosen; None: the last are the best.

    Raises TrainingError where vectors of the two have different dimensions, and as `loop.train` does.
    """
    for paired in (learning, choosing):
        if paired is not None:
            _check_dimension(network, paired)
    objective = HarmonicObjective(learning.old, settings.margin, settings.negatives)
    validate = None if choosing is None else validate_harmonic(choosing)
    return train(
        network,
        learning,
        settings,
        folder,
        validate=validate,
        objective=objective,
        stop=stop,
        on_step=on_step,
    )


def validate_harmonic(choosing: Paired) -> Validate:
    """A validation that is the mean of two: new vectors among themselves, and new probes in an old gallery."""
    return partial(_validated, choosing)


def draw_last_layer(network: nn.Module, seed: int) -> None:
    """Draw the weights of the last linear layer anew. Raises TrainingError where there is none."""
    layers = [each for each in network.modules() if isinstance(each, nn.Linear)]
    if not layers:
        raise TrainingError("the network has no linear layer to draw anew")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers[-1].reset_parameters()


def _validated(choosing: Paired, network: nn.Module) -> Validation:
    rows = judged_rows(choosing.people)
    new, old, people = vectors_of(network, choosing, rows), choosing.old[rows], choosing.people[rows]
    alike = people[:, None] == people[None, :]
    upper = np.triu_indices(len(people), 1)
    apart = ~np.eye(len(people), dtype=np.bool_)  # a face and its own old vector are no pair: one photo
    among = judged(distance_matrix(new, new)[upper].astype(np.float64), alike[upper])
    across = judged(distance_matrix(new, old)[apart].astype(np.float64), alike[apart])
    return Validation(
        accuracy=(among.accuracy + across.accuracy) / 2.0,
        val=(among.val + across.val) / 2.0,
        auc=(among.auc + across.auc) / 2.0,
    )


def _check_dimension(network: nn.Module, paired: Paired) -> None:
    if not len(paired.people):
        return
    new = vectors_of(network, paired, np.zeros(1, np.int64)).shape[1]
    if new != paired.old.shape[1]:
        raise TrainingError(
            f"the network gives vectors of {new} numbers and the old model of {paired.old.shape[1]}: to be "
            f"comparable they need as many; set the dimension to {paired.old.shape[1]}"
        )
