"""The figures of a run on the people who were kept apart, beside those of the embedder that serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.training.cutting import as_text
from pipeline.commands.training.learners import source_of
from pipeline.commands.training.parting import Gathered
from pipeline.commands.training.run_file import TrainingRun

if TYPE_CHECKING:
    from torch import nn

    from engines.evaluation.held_out import HeldOut
    from engines.evaluation.verification import MeanSem
    from engines.strangers import Strangers
    from pipeline.arrays import F32, I64

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one set of people and pairs."""

    trained: HeldOut
    serving: HeldOut
    """of the embedder that the photos were judged by, on the same pairs"""
    serving_name: str
    mixed: HeldOut | None
    """of the trained network's probes among an older model's templates; None where none was named"""
    strangers: Strangers | None
    """of the trained network; None where the people are too few"""

    def record(self) -> dict[str, dict[str, object]]:
        """As JSON."""
        found = {"trained": _record(self.trained), self.serving_name: _record(self.serving)}
        return found if self.mixed is None else found | {"among_older": _record(self.mixed)}


def held_out_figures(
    context: Context,
    run: TrainingRun,
    network: nn.Module,
    faces: Gathered,
    test: I64,
    older: F32 | None = None,
) -> Figures | None:
    """The figures of a trained network; None, with a line, where the test half has too few people for any.

    Args:
        test: the rows to measure on.
        older: (N, D) an older model's vectors of all faces, with which the network's are to be comparable.
    """
    from engines.errors import EvaluationError
    from engines.evaluation.held_out import held_out, video_numbers
    from engines.training.validation import vectors_of

    rows = [faces.rows[row] for row in test.tolist()]
    videos = video_numbers([row.person for row in rows], [row.group for row in rows])

    def judged(vectors: F32, probes: F32 | None = None) -> HeldOut:
        return held_out(vectors, faces.people[test], probes, videos=videos)

    try:
        serving = judged(faces.vectors[test])
    except EvaluationError as error:
        context.say(f"no figures on the test half: {error}")
        return None
    source = source_of(context, run, faces, test, changed=False)
    with context.progress() as bars:
        bars.add_task("measuring on the test half", total=None)
        vectors = vectors_of(network, source)
    return Figures(
        trained=judged(vectors),
        serving=serving,
        serving_name=run.embedder,
        mixed=None if older is None else judged(older[test], vectors),
        strangers=_strangers(run, faces, test, vectors),
    )


def _strangers(run: TrainingRun, faces: Gathered, test: I64, vectors: F32) -> Strangers | None:
    """How far apart two people are to it; None where there are too few people to tell."""
    from engines.errors import EvaluationError
    from engines.strangers import measure_strangers
    from engines.training.leaks import LeakSide, under_two_names

    called = [faces.rows[row].person for row in test.tolist()]
    names_of = [faces.rows[row].name for row in test.tolist()]
    twice = under_two_names(LeakSide(called, names_of, faces.vectors[test]), run.same_person_distance)
    kept = [place for place, name in enumerate(called) if name not in twice]
    people = faces.people[test][kept].astype(str).tolist()
    names = " ".join(as_text(path.name) for path in run.photos)
    source = f"the test half of {names}, by: python run_pipeline.py train --network {run.network}"
    try:
        return measure_strangers(vectors[kept], people, run.network, source)
    except EvaluationError:
        return None


def show_figures(context: Context, run: TrainingRun, figures: Figures) -> None:
    """Print them as a table."""
    from rich.table import Table

    told = figures.trained
    table = Table(box=None, pad_edge=False)
    for heading in ("MODEL", "ACCURACY %", "VAL % AT FAR 1e-3", "AUC", "EER", "THRESHOLD"):
        table.add_column(heading, justify="left" if heading == "MODEL" else "right")
    rows = [(f"{run.network}, {run.dimension} dimensions", told), (figures.serving_name, figures.serving)]
    if figures.mixed is not None:
        rows.insert(1, (f"its probes among {run.compatible_with}'s templates", figures.mixed))
    for name, each in rows:
        shares = (f"{each.auc:.4f}", f"{each.eer:.4f}", f"{each.threshold:.2f}")
        table.add_row(name, _percent(each.accuracy), _percent(each.val), *shares)
    context.print(
        f"On the test half, {told.people} people whom no training has seen, {told.matched} pairs of one person:"
    )
    context.print(table)


def _percent(value: MeanSem) -> str:
    return f"{100 * value.mean:.2f} ± {100 * value.sem:.2f}"


def _record(each: HeldOut) -> dict[str, object]:
    return {
        "people": each.people,
        "matched": each.matched,
        "impostors": each.impostors,
        "accuracy": round(each.accuracy.mean, DIGITS),
        "accuracy_sem": round(each.accuracy.sem, DIGITS),
        "val_at_far_1e-3": round(each.val.mean, DIGITS),
        "val_sem": round(each.val.sem, DIGITS),
        "val_at_far_1e-4": round(each.val_strict.mean, DIGITS),
        "auc": round(each.auc, DIGITS),
        "eer": round(each.eer, DIGITS),
        "threshold": round(each.threshold, 4),
    }
