"""Waits that grow, up to a limit."""

from __future__ import annotations

from pipeline.events.backoff import Backoff


def test_waits_double_up_to_the_limit_and_are_shortened_by_half_at_most() -> None:
    backoff = Backoff(0.25, 30.0)
    for longest in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        assert longest / 2 <= backoff.next_s() <= longest
    backoff.reset()
    assert backoff.next_s() <= 0.25
