"""The waits between two tries."""

from __future__ import annotations

import random

import pytest

from pipeline.backoff import Backoff


def test_waits_double_up_to_the_limit_and_begin_anew() -> None:
    backoff = Backoff(0.5, 30.0, random.Random(1))
    full_s = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    for _ in range(2):
        waits_s = [backoff.next_s() for _ in full_s]
        assert all(whole / 2 <= wait <= whole for wait, whole in zip(waits_s, full_s, strict=True))
        backoff.reset()


def test_cameras_lost_together_are_not_tried_together() -> None:
    firsts = {round(Backoff(0.5, 30.0, random.Random(seed)).next_s(), 3) for seed in range(20)}
    assert len(firsts) > 15


@pytest.mark.parametrize("max_s", [0.1, 0.5])
def test_a_limit_below_the_first_wait_holds(max_s: float) -> None:
    backoff = Backoff(0.5, max_s)
    assert all(backoff.next_s() <= max_s for _ in range(5))
