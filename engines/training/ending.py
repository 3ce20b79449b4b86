"""When a run is over, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engines.training.checkpoint import RunState
from engines.training.curves import CurvePoint
from engines.training.settings import Settings

ONE_POINT = 0.02
"""mean squared distance between people below which all are in one place; trained ones lie 1 to 2 apart"""
NEAR_MARGIN = 0.1
"""a collapsed network's loss is the margin, within such a share of it"""


class Ended(StrEnum):
    """Why a run ended."""

    STEPS = "steps"
    MINUTES = "minutes"
    PATIENCE = "patience"
    STOPPED = "stopped"
    COLLAPSED = "collapsed"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ended, and the same in a line."""

    ended: Ended
    why: str


def is_at_one_point(point: CurvePoint, margin: float) -> bool:
    """Whether a step's vectors are all alike: f = 0 of FaceNet's section 3.2.

    Distances vanish and the hinge leaves the margin alone; semi-hard negatives may then not even exist.
    """
    near_margin = abs(point.loss - margin) <= NEAR_MARGIN * margin or not point.active_share
    return point.negative_distance < ONE_POINT and near_margin


def ending(state: RunState, settings: Settings, point: CurvePoint, stopped: bool) -> Ending | None:
    """Whether the run is over after this step; None: it goes on."""
    if settings.collapse_steps and state.at_one_point >= settings.collapse_steps:
        return Ending(
            Ended.COLLAPSED,
            f"collapsed: for {state.at_one_point} steps everybody has been in one place (mean distance between people "
            f"{point.negative_distance:.4f}, loss {point.loss:.3f}, margin {settings.margin:g}); "
            "use semi-hard negatives, or a lower learning rate",
        )
    if state.step >= settings.steps:
        return Ending(Ended.STEPS, f"all {settings.steps} steps are done")
    if settings.patience is not None and state.worse >= settings.patience:
        return Ending(
            Ended.PATIENCE, f"{state.worse} validations in a row were no better than step {state.best_step}"
        )
    if settings.minutes is not None and state.seconds >= 60.0 * settings.minutes:
        return Ending(Ended.MINUTES, f"{settings.minutes:g} minutes are over, after step {state.step}")
    if stopped:
        return Ending(Ended.STOPPED, f"stopped after step {state.step}; the same call goes on from there")
    return None


def diverged(step: int) -> Ending:
    """The ending of a run whose next step cannot be taken."""
    return Ending(
        Ended.DIVERGED,
        f"diverged: loss or gradient of step {step} is no number; use a lower learning rate or max_gradient_norm",
    )
