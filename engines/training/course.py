"""A run's course: where it stands after each step, and what is kept of it on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engines.training.checkpoint import (
    STATE,
    Identity,
    RunState,
    replace_file,
    write_best,
    write_error,
    write_last,
)
from engines.training.curves import CurveFile, CurvePoint, read_curve, write_curve_png
from engines.training.ending import Ended, Ending, is_at_one_point
from engines.training.objective import Measured
from engines.training.settings import Settings
from engines.training.stepping import Stepper
from engines.training.validation import Validate, Validation

CURVE, PICTURE = "curve.csv", "curve.png"


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step, as it is told while a run goes on."""

    point: CurvePoint
    steps: int
    """that the run was asked for"""
    validation: Validation | None
    """made after this step"""


class Course:
    """Counts steps, validates when it is time, and writes checkpoints, curve and picture."""

    def __init__(
        self,
        stepper: Stepper,
        identity: Identity,
        folder: Path,
        state: RunState,
        validate: Validate | None,
        clock: Callable[[], float],
    ) -> None:
        """Cuts the folder's curve to the steps of `state`. Raises TrainingWriteError."""
        self.state = state
        self._stepper = stepper
        self._identity = identity
        self._settings = identity.settings
        self._folder = folder
        self._validate = validate
        self._clock = clock
        self._began = clock() - state.seconds
        self._saved_s = state.seconds
        self._validated_step = state.step
        try:
            self._curve = CurveFile(folder / CURVE, state.step)
        except OSError as error:
            raise write_error(folder / CURVE, error) from error

    def took(self, measured: Measured) -> StepReport:
        """After a step: what it came to, with a validation where one is due. Raises TrainingWriteError."""
        settings, step = self._settings, self.state.step + 1
        point = CurvePoint(
            step=step,
            seconds=self._seconds(),
            loss=float(measured.loss.detach()),
            active_share=measured.active_share,
            positive_distance=measured.positive_distance,
            negative_distance=measured.negative_distance,
            learning_rate=settings.learning_rate_at(step),
        )
        in_a_row = self.state.at_one_point + 1 if is_at_one_point(point, settings.margin) else 0
        self.state = replace(self.state, step=step, seconds=point.seconds, at_one_point=in_a_row)
        found = None
        if step % settings.validate_every == 0 or step == settings.steps:
            found = self._validated()
            if found is not None:
                point = replace(point, accuracy=found.accuracy, val=found.val, auc=found.auc)
        self._add(point)
        timed = point.seconds - self._saved_s >= settings.save_every_s
        if step % settings.validate_every == 0 or timed:
            self._save()
        if timed:
            self._saved_s = point.seconds
            self._draw()
        return StepReport(point, settings.steps, found)

    def finish(self, how: Ending) -> None:
        """Keep the last weights, and the best of all: those of the end too, if they are. Raises TrainingWriteError.

        A validation that only the ending asks for costs no patience. A run that goes on later takes the same steps
        as one that was never interrupted; its best may be one that the other did not measure. Of a run that diverged
        nothing more is kept: running means of batch norms may hold what is no number.
        """
        worth = how.ended is not Ended.COLLAPSED or not self.state.best_step
        if how.ended is not Ended.DIVERGED:
            if self._validated_step != self.state.step and worth:
                before = self.state.worse
                self._validated()
                self.state = replace(self.state, worse=min(before, self.state.worse))
            self._save()
        self._draw()
        about = {
            "step": self.state.step,
            "steps": self._settings.steps,
            "seconds": round(self.state.seconds, 1),
            "ended": how.ended,
            "why": how.why,
            "best_step": self.state.best_step,
            "best": None if self.state.best is None else asdict(self.state.best),
            "data": self._identity.data,
        }
        replace_file(self._folder / STATE, (json.dumps(about, indent=2) + "\n").encode())

    def close(self) -> None:
        """Let go of the curve's file."""
        self._curve.close()

    def _seconds(self) -> float:
        return self._clock() - self._began

    def _validated(self) -> Validation | None:
        """Measure the weights, and keep them where they are the best; without a measure they are."""
        network = self._stepper.network
        self._validated_step = self.state.step
        if self._validate is None:
            self._keep(replace(self.state, best_step=self.state.step))
            return None
        found = self._validate(network.eval())
        figure, best = found.figure(self._settings.best_by), self.state.best
        if math.isfinite(figure) and (best is None or figure > best.figure(self._settings.best_by)):
            self._keep(replace(self.state, best=found, best_step=self.state.step, worse=0))
        else:
            self.state = replace(self.state, worse=self.state.worse + 1)
        self.state = replace(self.state, seconds=self._seconds())
        return found

    def _keep(self, state: RunState) -> None:
        write_best(self._folder, self._identity, state, self._stepper.network)
        self.state = state

    def _save(self) -> None:
        """The curve first: one that knows more steps than the checkpoint is cut, one that knows fewer has a gap."""
        try:
            self._curve.flush()
        except OSError as error:
            raise write_error(self._folder / CURVE, error) from error
        stepper = self._stepper
        write_last(
            self._folder, self._identity, self.state, stepper.network, stepper.optimizer, stepper.scaler
        )

    def _add(self, point: CurvePoint) -> None:
        try:
            self._curve.add(point)
        except OSError as error:
            raise write_error(self._folder / CURVE, error) from error

    def _draw(self) -> None:
        try:
            self._curve.flush()
            points = read_curve(self._folder / CURVE)
            write_curve_png(points, _title(self._settings), self._folder / PICTURE)
        except OSError as error:
            raise write_error(self._folder / PICTURE, error) from error


def _title(settings: Settings) -> str:
    """What a curve is of, in a line as wide as the picture."""
    batch = f"batches of {settings.people} people x {settings.photos}"
    return f"{settings.negatives}, margin {settings.margin:g}, {batch}, {settings.optimizer} {settings.learning_rate:g}"
