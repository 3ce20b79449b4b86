"""When a run is over: every reason, and which comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engines.training.checkpoint import RunState
from engines.training.curves import CurvePoint
from engines.training.ending import Ended, ending, is_at_one_point
from engines.training.settings import Settings

POINT = CurvePoint(50, 9.0, 0.1, 0.5, 0.6, 1.8, 0.05)
SETTINGS = Settings(steps=100, minutes=1.0, patience=3, collapse_steps=20)
STATE = RunState(step=50, seconds=9.0)


def ended(state: RunState, stopped: bool = False) -> Ended | None:
    found = ending(state, SETTINGS, POINT, stopped)
    return None if found is None else found.ended


def test_each_reason_ends_a_run_and_none_does_not() -> None:
    assert ended(STATE) is None
    assert ended(replace(STATE, step=100)) is Ended.STEPS
    assert ended(replace(STATE, seconds=60.0)) is Ended.MINUTES
    assert ended(replace(STATE, worse=3)) is Ended.PATIENCE
    assert ended(STATE, stopped=True) is Ended.STOPPED
    assert ended(replace(STATE, at_one_point=20)) is Ended.COLLAPSED
    assert ended(replace(STATE, step=100, at_one_point=20), stopped=True) is Ended.COLLAPSED


def test_what_was_not_asked_for_ends_nothing() -> None:
    settings = Settings(steps=100, collapse_steps=0)
    state = replace(STATE, seconds=1e9, worse=1000, at_one_point=1000)

    assert ending(state, settings, POINT, stopped=False) is None


@pytest.mark.parametrize(
    ("negative_distance", "loss", "active_share", "expected"),
    [
        (0.001, 0.201, 1.0, True),
        (0.001, 0.0, 0.0, True),  # no semi-hard negative is left
        (0.001, 0.05, 1.0, False),  # near, and sorted: it is on its way out
        (0.5, 0.201, 1.0, False),
        (1.9, 0.0, 0.0, False),  # all is learned
    ],
)
def test_one_point_is_no_distance_and_a_loss_of_the_margin(
    negative_distance: float, loss: float, active_share: float, expected: bool
) -> None:
    point = replace(POINT, negative_distance=negative_distance, loss=loss, active_share=active_share)
    assert is_at_one_point(point, margin=0.2) is expected
