"""Validation: figures that are known, and a network that is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from engines.errors import TrainingError
from engines.training import validation
from engines.training.settings import BestBy
from engines.training.sources import FeatureSource
from engines.training.validation import Validation, validate_on, vectors_of
from tests.engines.training.small import SmallNetwork, faces


def corners(*degrees: float) -> FeatureSource:
    """Points on the circle, two a person."""
    angles = np.deg2rad(np.array(degrees))
    values = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return FeatureSource(values, np.arange(len(degrees)) // 2)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (corners(0, 5, 90, 95, 180, 185), Validation(1.0, 1.0, 1.0)),
        # A pair of two people is the nearest, so none is accepted at a FAR of 1e-3.
        (corners(0, 10, 11, 30), Validation(accuracy=0.75, val=0.0, auc=0.625)),
    ],
)
def test_known_figures(source: FeatureSource, expected: Validation) -> None:
    found = validate_on(source)(nn.Identity())

    assert (found.accuracy, found.val, found.auc) == pytest.approx(
        (expected.accuracy, expected.val, expected.auc)
    )


def test_a_figure_is_chosen_by_its_name() -> None:
    figures = Validation(accuracy=0.1, val=0.2, auc=0.3)
    assert [figures.figure(by) for by in BestBy] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("batch", [7, 64])
def test_vectors_are_plain_whatever_the_batch_and_the_network_stays(batch: int) -> None:
    source, network = faces(10, 3), SmallNetwork(dropout=0.5).train()
    rows = np.array([3, 1, 29], np.int64)

    every = vectors_of(network, source, batch=batch)

    assert network.training
    with torch.no_grad():
        wanted = network.eval()(source.plain(np.arange(30, dtype=np.int64))).numpy()
    np.testing.assert_allclose(every, wanted, atol=1e-6)
    np.testing.assert_allclose(vectors_of(network, source, rows), wanted[rows], atol=1e-6)


def test_faces_without_pairs_are_refused() -> None:
    values = np.eye(4, dtype=np.float32)
    for people in ([0, 1, 2, 3], [0, 0, 0, 0]):
        with pytest.raises(TrainingError, match="validation needs two people"):
            validate_on(FeatureSource(values, np.array(people, np.int64)))


def test_of_many_faces_whole_people_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    people = np.repeat(np.arange(40), np.where(np.arange(40) < 10, 3, 1)).astype(np.int64)
    monkeypatch.setattr(validation, "MAX_FACES", 25)

    rows = validation.judged_rows(people)

    assert len(rows) == 24
    assert np.bincount(people[rows])[:10].tolist().count(3) == 8
    np.testing.assert_array_equal(rows, validation.judged_rows(people))
    monkeypatch.setattr(validation, "MAX_FACES", 4)
    assert len(np.unique(people[validation.judged_rows(people)])) == 2
