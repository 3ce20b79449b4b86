"""The training loop: any network that gives unit vectors, any source of faces, in a folder that can be gone on in.

A step learns from one batch; every so many a validation says how good the weights are; the best are kept. A run
ends by its steps, its minutes, its patience, by `stop`, or because it has failed, and says why in one line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from torch import nn

from engines.errors import TrainingError
from engines.training.checkpoint import Identity, RunState, load_best, read_last, write_error, write_settings
from engines.training.course import Course, StepReport
from engines.training.ending import Ended, Ending, diverged, ending
from engines.training.objective import Objective, TripletObjective
from engines.training.preparing import prepared
from engines.training.sampler import BatchPlan, BatchSize, plan_batches
from engines.training.settings import Settings
from engines.training.sources import FaceSource
from engines.training.stepping import Stepper, device_for, repeatable
from engines.training.validation import Validate, Validation

log = logging.getLogger(__name__)

LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. The best weights are in the network, and in best.safetensors."""

    ended: Ended
    why: str
    """one line"""
    step: int
    seconds: float
    """of training, over all parts of the run"""
    best: Validation | None
    """None where nothing was validated"""
    best_step: int
    """0 where no weights were kept"""
    device: str


def never() -> bool:
    """Do not stop."""
    return False


def ignore(report: StepReport) -> None:
    """Tell nobody."""


def train(
    network: nn.Module,
    source: FaceSource,
    settings: Settings,
    folder: Path,
    *,
    validate: Validate | None = None,
    objective: Objective | None = None,
    stop: Callable[[], bool] = never,
    on_step: Callable[[StepReport], None] = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Teach a network, in a new folder or from where the run in it was left, bit for bit on one processor.

    Args:
        network: gives unit vectors (B, D) for what the source gives. One that keeps a part frozen keeps that
            part's batch norms in eval() itself, by its own `train`. It is left with the best weights, in eval(),
            on the processor.
        validate: figures to choose the best by; without one the last weights are the best.
        objective: what a batch costs; without one the triplet loss of the settings.
        stop: asked after each step.
        on_step: told of each step.

    Raises TrainingError where settings, data or folder do not fit, TrainingWriteError where the folder cannot be
    written.
    """
    plan = plan_batches(
        source.people, BatchSize(settings.people, settings.photos, settings.others), settings.seed
    )
    device = device_for(settings.device)
    cost = objective or TripletObjective(settings.margin, settings.negatives)
    stepper = Stepper(network, cost, settings, device)
    identity = Identity(settings, source.fingerprint)
    with _held(folder), repeatable(device):
        state = read_last(folder, identity, network, stepper.optimizer, stepper.scaler) or RunState()
        log.info("training on %s in %s from step %d", device, settings.precision, state.step + 1)
        write_settings(folder, settings)
        course = Course(stepper, identity, folder, state, validate, clock)
        with closing(course):
            how = _taken(course, stepper, source, plan, settings, stop, on_step)
            course.finish(how)
        network.to("cpu").eval()
        # What the file says, not the state: a kill may have come between the two, and the better one stays.
        best = load_best(network, folder) if course.state.best_step else None
    return Outcome(
        ended=how.ended,
        why=how.why,
        step=course.state.step,
        seconds=course.state.seconds,
        best=best.validation if best else None,
        best_step=best.step if best else 0,
        device=str(device),
    )


def _taken(
    course: Course,
    stepper: Stepper,
    source: FaceSource,
    plan: BatchPlan,
    settings: Settings,
    stop: Callable[[], bool],
    on_step: Callable[[StepReport], None],
) -> Ending:
    """Take steps until the run is over, and say why it is."""
    with prepared(source, plan, course.state.step + 1, settings.steps, settings.threads) as batches:
        for ready in batches:
            measured = stepper.take(course.state.step + 1, ready)
            if measured is None:
                return diverged(course.state.step + 1)
            report = course.took(measured)
            on_step(report)
            how = ending(course.state, settings, report.point, stop())
            if how is not None:
                return how
    return Ending(Ended.STEPS, f"all {settings.steps} steps are done")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The folder, for this run alone. Raises TrainingError where another trains in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise TrainingError(
            f"another run is training in {folder}; wait for it, or name another folder"
        ) from error
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        yield
    finally:
        lock.release()
