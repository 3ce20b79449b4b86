"""Quantiles: exact up to the capacity, close beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.measuring.reservoir import Recent, Reservoir


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.0, 1.0))
def test_exact_while_everything_fits(values: list[float], fraction: float) -> None:
    reservoir = Reservoir(50)
    for value in values:
        reservoir.add(value)
    assert reservoir.quantile(fraction) == pytest.approx(np.quantile(values, fraction))


def test_a_uniform_sample_beyond() -> None:
    reservoir = Reservoir(1000)
    for value in range(20_000):
        reservoir.add(value)
    assert len(reservoir) == 20_000
    # The standard error of a quantile of 1000 uniform samples is at most 0.5 / sqrt(1000) = 1.6 % of the range.
    assert reservoir.quantile(0.5) == pytest.approx(10_000, abs=1300)
    assert reservoir.quantile(0.99) == pytest.approx(19_800, abs=250)


def test_nothing_seen() -> None:
    assert Reservoir(3).quantile(0.5) is None


def test_recent_numbers_are_those_of_the_window_and_the_newest_of_many() -> None:
    recent = Recent(window_s=10.0, capacity=4)
    assert recent.quantile(0.5, 0.0) is None
    for at_s, value in ((0.0, 1.0), (5.0, 2.0), (9.0, 3.0)):
        recent.add(value, at_s)
    assert recent.quantile(0.5, 10.0) == 2.0
    assert recent.quantile(0.0, 11.0) == 2.0
    for value in (4.0, 5.0):
        recent.add(value, 11.0)
    assert recent.quantile(0.0, 11.0) == 2.0
    assert recent.quantile(1.0, 15.5) == 5.0
    assert recent.quantile(0.5, 22.0) is None
