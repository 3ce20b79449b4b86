"""The stopwatch counts every moment once."""

from __future__ import annotations

import time

import pytest

from benchmarks._pipeline_steps import Stopwatch


def burn(seconds: float) -> None:
    """Use a processor for so long."""
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass


def test_a_step_inside_another_counts_for_itself_alone() -> None:
    watch = Stopwatch()
    began_s = time.process_time()
    with watch.step("outer"):
        burn(0.02)
        with watch.step("inner"):
            burn(0.03)
        burn(0.01)
    used_s = time.process_time() - began_s
    assert watch.spent["inner"].cpu_s == pytest.approx(0.03, abs=0.01)
    assert watch.spent["outer"].cpu_s == pytest.approx(0.03, abs=0.01)
    assert watch.spent["outer"].cpu_s + watch.spent["inner"].cpu_s <= used_s
    assert watch.spent["outer"].wall_s >= watch.spent["outer"].cpu_s - 0.005


def test_a_step_may_go_on_as_another() -> None:
    watch = Stopwatch()
    with watch.step("before"):
        with watch.step("network"):
            pass
        watch.goes_on_as("after")
        burn(0.02)
    assert watch.spent["after"].cpu_s == pytest.approx(0.02, abs=0.01)
    assert watch.spent["before"].cpu_s < 0.01
    assert {name: spent.calls for name, spent in watch.spent.items()} == {
        "before": 1,
        "network": 1,
        "after": 1,
    }


def test_a_function_is_a_step_also_when_it_fails() -> None:
    watch = Stopwatch()
    divide = watch.timed("divide", lambda a, b: a / b)
    assert divide(6, 3) == 2
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    assert watch.spent["divide"].calls == 2
