"""A run from photos to figures: cut, part, learn, and measure on the people who were kept apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.thresholds import verification_distance
from pipeline.commands.training.cutting import cut_sets
from pipeline.commands.training.figures import Figures, held_out_figures, show_figures
from pipeline.commands.training.learners import Limit, begin_with, network_of, settings_of, side_of
from pipeline.commands.training.learning import Lesson, learn, minutes
from pipeline.commands.training.older_vectors import older_vectors
from pipeline.commands.training.parting import (
    check_people,
    gathered,
    part,
    say_parts,
    write_reports,
)
from pipeline.commands.training.run_file import (
    FOLDER,
    HEAD,
    RESULT_FILE,
    STRANGERS_FILE,
    TrainingRun,
    check_config,
    write_json,
)
from pipeline.commands.training.trunk_features import trunk_features
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from engines.training.loop import Outcome
    from engines.training.settings import Settings
    from pipeline.assemble.recognition import Recognition
    from pipeline.capture.photo_set import PhotoSet

FAILED = 1
"""exit code of a run that came to nothing: collapsed or diverged"""
COMMAND = "python run_pipeline.py train"


@dataclass(frozen=True, slots=True)
class Asked:
    """A run to start, or to go on with."""

    name: str
    run: TrainingRun
    limit: Limit
    resumed: bool


def run_training(
    context: Context, asked: Asked, open_recognition: Callable[[], Recognition], stop: Callable[[], bool]
) -> int:
    """Train, print the figures, and return the exit code.

    `open_recognition` opens what finds and describes faces; it is closed before anything is learnt. Raises
    BadInputError, EngineError, and OutsideError where the data folder cannot be written.
    """
    from engines.training.ending import Ended

    folder = context.data / FOLDER / asked.name
    photo_sets = _open_sets(context, asked)
    with open_recognition() as recognition:
        dimension = recognition.dimension
        sets = cut_sets(context, recognition, photo_sets, side_of(asked.run.network), stop)
    run = replace(
        asked.run,
        fingerprints=tuple(each.fingerprint for each in sets),
        folders=tuple(each.folder.name for each in sets),
        embedded=dimension,
        other_person=asked.run.other_person or verification_distance(context.config, context.data),
    )
    faces = gathered(sets)
    parts = part(context, faces, run)
    settings = _settings(context, asked, folder)
    if asked.resumed:
        run.write(folder)
    else:
        _begin(run, settings, folder)
    write_reports(folder, faces, parts)
    say_parts(context, faces, parts, folder)
    if run.network == HEAD:
        for each in sets:
            trunk_features(context, each, stop)
    older = older_vectors(context, run, faces, stop) if run.compatible_with else None
    network = network_of(run)
    begin_with(context, network, run, faces, parts.train)
    lesson = Lesson(run, faces, parts, settings, folder, older)
    outcome = learn(context, network, lesson, stop)
    context.say(
        f"{outcome.why}: {outcome.step} steps, {minutes(outcome.seconds)}; best at step {outcome.best_step}"
    )
    stopped = outcome.ended is Ended.STOPPED
    figures = None if stopped else held_out_figures(context, run, network, faces, parts.test, older)
    _tell(context, asked, lesson, outcome, figures)
    if stopped:
        context.say(f"go on with: {COMMAND} --resume {asked.name}")
    context.say(f"curve: {folder / 'curve.png'}; to use it: {COMMAND} --export {asked.name} --name NAME")
    return FAILED if outcome.ended in (Ended.COLLAPSED, Ended.DIVERGED) else 0


def _open_sets(context: Context, asked: Asked) -> list[PhotoSet]:
    """The photos; of a run that goes on, the same as when it began. Raises SourceError, BadInputError."""
    from pipeline.capture.photo_set import open_photo_set

    if asked.resumed:
        check_config(context.config, asked.run)
    photo_sets = [open_photo_set(path) for path in asked.run.photos]
    check_people([(str(each.source), [entry.person for entry in each.entries]) for each in photo_sets])
    for photo_set, before in zip(photo_sets, asked.run.fingerprints, strict=False):
        if photo_set.fingerprint != before:
            raise BadInputError(
                f"{photo_set.source}: has other photos than when run {asked.name} began; bring them back, or start "
                "another with --run"
            )
    return photo_sets


def _begin(run: TrainingRun, settings: Settings, folder: Path) -> None:
    """Make the folder of a new run: settings first, since whoever finds run.json may go on by them.

    Raises BadInputError where another process took the name while this one cut faces, OutsideError, TrainingWriteError.
    """
    from engines.training.checkpoint import write_settings

    try:
        folder.mkdir()
    except FileExistsError as error:
        raise BadInputError(
            f"run {folder.name} was begun by another process meanwhile; name this one: --run NAME (its faces are cut)"
        ) from error
    except OSError as error:
        raise OutsideError(
            f"{folder}: cannot be made ({error.strerror}); make room, or name another folder with --data"
        ) from error
    write_settings(folder, settings)
    run.write(folder)


def _settings(context: Context, asked: Asked, folder: Path) -> Settings:
    """Of a new run the configuration's; of one that goes on its own, with a new end where one is given."""
    from engines.training.checkpoint import read_settings

    fresh = settings_of(context, asked.run, asked.limit)
    if not asked.resumed:
        return fresh
    before = read_settings(folder)
    if asked.limit.minutes is None and asked.limit.steps is None:
        return before
    return replace(before, steps=fresh.steps, minutes=fresh.minutes)


def _tell(context: Context, asked: Asked, lesson: Lesson, outcome: Outcome, figures: Figures | None) -> None:
    """Keep and print what came of it. Raises OutsideError."""
    record = _record(asked, lesson, outcome, figures)
    write_json(lesson.folder / RESULT_FILE, record)
    if figures is not None and figures.strangers is not None:
        try:
            figures.strangers.write(lesson.folder / STRANGERS_FILE)
        except OSError as error:
            raise OutsideError(
                f"{lesson.folder}: cannot be written ({error.strerror}); make room, and --resume the run"
            ) from error
    if context.json:
        context.print_json(record)
    elif figures is not None:
        show_figures(context, lesson.run, figures)


def _record(asked: Asked, lesson: Lesson, outcome: Outcome, figures: Figures | None) -> dict[str, object]:
    """The JSON line of a run."""
    run, parts = lesson.run, lesson.parts
    return {
        "run": asked.name,
        "network": run.network,
        "dimension": run.dimension,
        "ended": outcome.ended.value,
        "steps": outcome.step,
        "seconds": round(outcome.seconds, 1),
        "best_step": outcome.best_step,
        "photos": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
        "left_out": len(parts.rejects),
        "taken_out": sorted({leak.person for leak in parts.leaks}),
        "held_out": None if figures is None else figures.record(),
        "folder": str(lesson.folder),
    }
