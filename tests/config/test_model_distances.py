"""The distances that the configuration gives as numbers mean the same to every embedder that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config.schema import Config
from engines.strangers import Strangers
from engines.zoo.catalogue import read_catalogue
from engines.zoo.description import ModelDescription

MODELS = read_catalogue(Path(__file__).parents[2] / "config" / "models.yaml").of_role("embedding")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_rates_of_strangers_at_the_default_distances(model: ModelDescription) -> None:
    """A model whose distances are others needs these keys derived from its statistics, as those for names are."""
    assert model.strangers is not None, "calibrate --strangers makes its statistics"
    strangers = Strangers.read(model.strangers)
    matching, sightings = Config().matching, Config().sightings
    keys = (sightings.rejoin_distance, matching.candidate_distance, matching.handover_distance)
    rejoin, candidate, handover = strangers.rates_at(np.array(keys)).tolist()

    assert rejoin < 3e-4, "another face within gap_s goes on with somebody's sighting"
    assert 1e-3 < candidate < 1e-2, (
        "of the pairs of two people, those that are told as candidates: one in 300"
    )
    assert handover < 2e-2, "another face in a track is taken for its own"
    same_rejoin, _, same_handover = (strangers.recognised(each) for each in keys)
    assert same_rejoin is not None
    assert same_handover is not None
    assert same_rejoin > 0.5, "single photos; within seconds a face is nearer than on LFW's photos of years"
    assert same_handover > 0.85, "a face in its own track is taken for another"
