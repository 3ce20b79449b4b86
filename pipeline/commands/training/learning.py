"""The loop of a run: what it is given, and how it shows itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.training.learners import source_of
from pipeline.commands.training.parting import Gathered, Parts
from pipeline.commands.training.run_file import TrainingRun

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from torch import nn

    from engines.training.course import StepReport
    from engines.training.loop import Outcome
    from engines.training.settings import Settings
    from pipeline.arrays import F32


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt from, and where to."""

    run: TrainingRun
    faces: Gathered
    parts: Parts
    settings: Settings
    folder: Path
    older: F32 | None
    """(N, D) an older model's vectors of all faces; None: the network has a space of its own"""


def learn(context: Context, network: nn.Module, lesson: Lesson, stop: Callable[[], bool]) -> Outcome:
    """Teach the network until the run is over, with a bar and a line a validation. Raises TrainingError."""
    from engines.training.harmonic import Paired, train_harmonic
    from engines.training.loop import train
    from engines.training.validation import validate_on

    run, faces, parts = lesson.run, lesson.faces, lesson.parts
    source = source_of(context, run, faces, parts.train, changed=True)
    choosing = source_of(context, run, faces, parts.validation, changed=False)
    with context.progress() as bars:
        task = bars.add_task(f"training {run.network}", total=None)
        shown = _Shown(context, bars, lesson.settings, task, _best_before(lesson))
        if lesson.older is None:
            return train(
                network,
                source,
                lesson.settings,
                lesson.folder,
                validate=validate_on(choosing),
                stop=stop,
                on_step=shown.step,
            )
        return train_harmonic(
            network,
            Paired(source, lesson.older[parts.train]),
            Paired(choosing, lesson.older[parts.validation]),
            lesson.settings,
            lesson.folder,
            stop=stop,
            on_step=shown.step,
        )


def _best_before(lesson: Lesson) -> float:
    """The best figure of the run's earlier parts. Raises OSError."""
    from engines.training.course import CURVE
    from engines.training.curves import read_curve

    figures = [getattr(point, lesson.settings.best_by) for point in read_curve(lesson.folder / CURVE)]
    return max((figure for figure in figures if figure is not None), default=-1.0)


def minutes(seconds: float) -> str:
    """A time in words.

    >>> minutes(12.3), minutes(754)
    ('12 s', '12.6 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


@dataclass(slots=True)
class _Shown:
    """How a run shows itself while it learns."""

    context: Context
    bars: Progress
    settings: Settings
    task: TaskID
    best: float
    """of the figure that decides, so far"""

    def step(self, report: StepReport) -> None:
        """Move the bar; say what a validation found."""
        point, limit = report.point, self.settings.minutes
        self.bars.update(
            self.task,
            total=self.settings.steps if limit is None else 60.0 * limit,
            completed=point.step if limit is None else point.seconds,
            description=f"step {point.step}, loss {point.loss:.3f}",
        )
        found = report.validation
        if found is None:
            return
        figure = found.figure(self.settings.best_by)
        mark = ", the best so far" if figure > self.best else ""
        self.best = max(self.best, figure)
        self.context.say(
            f"step {point.step}, {minutes(point.seconds)}: loss {point.loss:.4f}, validation accuracy "
            f"{found.accuracy:.4f}, VAL {found.val:.4f} at FAR 1e-3{mark}"
        )
