"""What a batch costs: figures that are known, and vectors that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engines.errors import TrainingError
from engines.training.mining import Pairs
from engines.training.objective import Batch, TripletObjective, check_unit, measured
from engines.training.settings import Negatives

PEOPLE = np.array([0, 0, 1, 1], np.int64)
CIRCLE = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_known_figures() -> None:
    # Squared distances: 0-1 0.4, 2-3 2.0; 0-2 2.0, 0-3 4.0, 1-2 0.8, 1-3 3.6. Only 2 is nearer to a stranger.
    found = TripletObjective(0.2, Negatives.ALL)(CIRCLE, Batch(np.arange(4), PEOPLE), random())

    assert float(found.loss) == pytest.approx(((2.0 - 2.0 + 0.2) + (2.0 - 0.8 + 0.2)) / 2)
    assert (found.pairs, found.triplets, found.active, found.active_share) == (4, 8, 2, 0.25)
    assert found.positive_distance == pytest.approx((0.4 + 2.0) / 2)
    assert found.negative_distance == pytest.approx((2.0 + 4.0 + 0.8 + 3.6) / 4)


def test_a_matrix_that_is_no_square_has_pairs_of_its_own() -> None:
    distances = torch.tensor([[0.5, 0.6, 1.9]])
    pairs = Pairs(torch.tensor([[True, False, False]]), torch.tensor([[False, True, True]]))

    found = measured(distances, pairs, 0.2, Negatives.HARDEST, random())

    assert float(found.loss) == pytest.approx(0.1)
    assert (found.positive_distance, found.negative_distance) == pytest.approx((0.5, 1.25))


def test_unit_vectors_pass_and_others_do_not() -> None:
    check_unit(CIRCLE)
    check_unit(CIRCLE * 1.004)  # bfloat16
    check_unit(CIRCLE * torch.nan)
    for wrong in (CIRCLE * 2.0, CIRCLE * 0.0, torch.ones(2, 3, 4)):
        with pytest.raises(TrainingError, match="must give unit vectors"):
            check_unit(wrong)
