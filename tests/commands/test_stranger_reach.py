"""How near a stranger must be: given, derived, or as names have it where nothing is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load
from pipeline.commands import stranger_reach as module
from pipeline.commands.stranger_reach import stranger_reach
from pipeline.commands.thresholds import verification_distance
from pipeline.errors import BadInputError


def test_a_distance_that_is_given_is_taken_as_it_is(tmp_path: Path) -> None:
    reach = stranger_reach(load(None, {}, ["strangers.max_distance=0.8"]), tmp_path)
    assert reach(1) == reach(1e6) == 0.8


def test_a_rate_gives_a_distance_that_shrinks_with_the_strangers(tmp_path: Path) -> None:
    config = load(
        None, {}, ["matching.max_distance=0.5"]
    )  # of a large gallery: strangers are not compared with it
    reach = stranger_reach(config, tmp_path)
    assert reach(0) == verification_distance(load(None, {}, []), tmp_path)
    distances = [reach(10.0**power) for power in range(7)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.6
    strict = stranger_reach(load(None, {}, ["strangers.max_fpir=0.001"]), tmp_path)
    assert strict(1000) < reach(1000)


def test_without_statistics_the_distance_for_names_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "strangers_of", lambda *_: None)
    monkeypatch.setattr("pipeline.commands.thresholds.strangers_of", lambda *_: None)
    assert stranger_reach(load(None, {}, ["matching.max_distance=0.9"]), tmp_path)(1000) == 0.9
    with pytest.raises(BadInputError, match=r"strangers.max_distance: .* there are no statistics"):
        stranger_reach(load(None, {}, []), tmp_path)
