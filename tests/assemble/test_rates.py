"""Rates of counters: over the last seconds, and nothing from before."""

from __future__ import annotations

import pytest

from pipeline.assemble.rates import OVER_S, Rates


def test_a_rate_is_of_the_last_seconds_alone() -> None:
    rates = Rates()
    for second in range(20):
        rates.sample(float(second), {"door": 10.0 * min(second, 10)})
    assert rates.of("door") == 0.0
    for second in range(20, 20 + int(OVER_S) + 1):
        rates.sample(float(second), {"door": 100.0 + 2.0 * (second - 20)})
    assert rates.of("door") == pytest.approx(2.0)


def test_what_is_new_or_began_anew_has_none() -> None:
    rates = Rates()
    assert rates.of("door") == 0.0
    rates.sample(0.0, {"door": 50.0})
    assert rates.of("door") == 0.0
    rates.sample(1.0, {"door": 1.0, "yard": 5.0})
    assert (rates.of("door"), rates.of("yard")) == (0.0, 0.0)
