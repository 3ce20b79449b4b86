"""Ids of unknown people against the people, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engines.errors import EvaluationError
from engines.evaluation.stranger_agreement import StrangerAgreement, stranger_agreement


def test_everybody_with_one_id_of_their_own() -> None:
    found = stranger_agreement(["a", "a", "b"], ["s_1", "s_1", "s_2"])
    assert found == StrangerAgreement(3, 2, 2, 1.0, 0, 0, 1.0, 1.0, 1.0)
    assert found.b_cubed_f == 1.0


def test_splits_and_mixes() -> None:
    #                           s_1 is a's by two of three; a has two ids, b one and c one
    found = stranger_agreement(["a", "a", "b", "a", "c"], ["s_1", "s_1", "s_1", "s_2", "s_3"])
    assert (found.sightings, found.people, found.ids) == (5, 3, 3)
    assert found.ids_per_person == pytest.approx(4 / 3)
    assert (found.split_people, found.mixed_ids) == (1, 1)
    assert found.purity == pytest.approx(4 / 5)
    assert found.b_cubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert found.b_cubed_recall == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 / 3 + 1) / 5)


def test_those_who_only_pass_by_have_a_say_in_whose_an_id_is() -> None:
    people, ids = ["a", "x", "x"], ["s_1", "s_1", "s_1"]
    found = stranger_agreement(people, ids, np.array([True, False, False]))
    assert (found.sightings, found.people, found.ids) == (1, 1, 1)
    assert (found.purity, found.mixed_ids) == (0.0, 1)


def test_the_mean_of_several_plays() -> None:
    one = stranger_agreement(["a", "a"], ["s_1", "s_1"])
    other = stranger_agreement(["a", "a"], ["s_1", "s_2"])
    mean = StrangerAgreement.mean([one, other])
    assert (mean.ids, mean.ids_per_person, mean.purity) == (1.5, 1.5, 1.0)


def test_nothing_to_count() -> None:
    with pytest.raises(EvaluationError, match="no unknown face"):
        stranger_agreement(["a"], ["s_1"], np.array([False]))
    with pytest.raises(ValueError, match="must be as many"):
        stranger_agreement(["a"], [])
