"""`train`: teaches a network on photos of people, measures it on people kept apart, and makes a model of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    path_given,
    text_given,
)
from pipeline.commands.option_groups import with_groups
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.assemble.recognition import Recognition
    from pipeline.commands.training.running import Asked

MINUTES = 30.0
DIMENSION = 128
NEEDED: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "--name": ("--export",),
        "--force": ("--export",),
        "--network": ("DATASET",),
        "--test": ("DATASET",),
        "--run": ("DATASET",),
        "--compatible-with": ("DATASET",),
        "--minutes": ("DATASET", "--resume"),
        "--steps": ("DATASET", "--resume"),
        "--dimension": ("DATASET", "--resume", "--list"),
    }
)
"""what each option says something about; beside another it would be ignored"""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run learns, and for how long."""

    network: Annotated[
        str | None,
        typer.Option(
            "--network", parser=text_given, metavar="NAME", help="What learns: one of --list, or head."
        ),
    ] = None
    dimension: Annotated[
        int | None,
        typer.Option("--dimension", metavar="D", min=2, max=4096, help="Numbers of a vector. [128]"),
    ] = None
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="M",
            min=0.01,
            help="Of learning, all parts of a run together. [30; head: 200 steps]",
        ),
    ] = None
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="Batches, instead of minutes.")
    ] = None
    test: Annotated[
        float | None,
        typer.Option(
            "--test",
            metavar="SHARE",
            min=0.0,
            max=0.95,
            help="Share of the people kept apart for the figures. [0.5]",
        ),
    ] = None
    run: Annotated[
        str | None,
        typer.Option("--run", parser=text_given, metavar="NAME", help="Of the new run. [the network's]"),
    ] = None
    compatible_with: Annotated[
        str | None,
        typer.Option(
            "--compatible-with",
            parser=text_given,
            metavar="MODEL",
            help="Learn vectors that may be compared with this model's.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class OldRun:
    """What to do with a run that is there."""

    resume: Annotated[
        str | None, typer.Option("--resume", parser=text_given, metavar="RUN", help="Go on with this run.")
    ] = None
    export: Annotated[
        str | None,
        typer.Option(
            "--export", parser=text_given, metavar="RUN", help="Make a model of its best weights so far."
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option("--name", parser=text_given, metavar="MODEL", help="Of the model that --export makes."),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="With --export: replace the model of this name.")] = (
        False
    )


@with_groups
def train(
    new: NewRun,
    old: OldRun,
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATASET...",
            parser=path_given,
            help="Photos in a folder a person, or a tar of it; several are one.",
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="The networks, counted, beside the paper's figures.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Teach a network by triplets of photos, on half of the people, and measure it on the other half.

    Photos go through the detection and alignment that cameras use; what is left out, and why, stands in the run's
    folder, below training/ in the data folder. Ctrl-C ends a run well: its best weights are kept, and --resume goes
    on. How it learns is set by the keys of `training` in config/default.yaml.

    Example: python run_pipeline.py train lfw.tar --network nns2 --minutes 30
    """
    context = make_context(config, data, set_, json_, debug, make_data=not list_)
    _check_verbs(new, old, datasets or (), list_)
    if list_:
        from pipeline.commands.training.listing import list_networks

        list_networks(context, new.dimension or DIMENSION)
    elif old.export is not None:
        from pipeline.commands.training.exporting import export_run

        export_run(context, old.export, old.name or old.export, force=old.force)
    else:
        raise typer.Exit(_train(context, new, old, datasets or ()))


def _train(context: Context, new: NewRun, old: OldRun, datasets: Sequence[Path]) -> int:
    """Run it, until it ends or is asked to. The exit code."""
    from pipeline.commands.import_run import Stop
    from pipeline.commands.training.running import run_training
    from pipeline.runtime.signals import ended_by_signals

    asked = _new(context, new, datasets) if old.resume is None else _resumed(context, new, old.resume)
    stop = Stop()
    with ended_by_signals(stop):
        return run_training(context, asked, lambda: _recognition(context), lambda: stop.asked)


def _recognition(context: Context) -> Recognition:
    """What finds and describes faces, open. Raises EngineError."""
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.output import model_progress

    with model_progress(context) as on_progress:
        return open_recognition(context.config, context.models, on_progress)


def _check_verbs(new: NewRun, old: OldRun, datasets: Sequence[Path], list_: bool) -> None:
    """Raise BadInputError for options that say nothing together."""
    verbs = [
        name
        for name, given in (
            ("--list", list_),
            ("--resume", old.resume is not None),
            ("--export", old.export is not None),
            ("DATASET", bool(datasets)),
        )
        if given
    ]
    if len(verbs) > 1:
        raise BadInputError(f"{' and '.join(verbs)}: give one of them")
    if not verbs:
        raise BadInputError("give DATASET, a folder or tar of people; or --list, --resume RUN, --export RUN")
    given = {
        f"--{each.name.replace('_', '-')}" for each in fields(new) if getattr(new, each.name) is not None
    }
    given |= {f"--{name}" for name in ("name", "force") if getattr(old, name)}
    for option in sorted(given):
        needed = NEEDED[option]
        if verbs[0] not in needed:
            raise BadInputError(f"{option} goes with {' or '.join(needed)}, not with {verbs[0]}")
    if new.minutes is not None and new.steps is not None:
        raise BadInputError("--minutes and --steps: give one of them")


def _new(context: Context, new: NewRun, datasets: Sequence[Path]) -> Asked:
    """The run that is asked for. Raises BadInputError where it is there already, CatalogueError for no network."""
    from engines.training.head import STEPS
    from pipeline.commands.training.learners import Limit, side_of
    from pipeline.commands.training.run_file import HEAD, new_run, new_run_name, run_folder
    from pipeline.commands.training.running import Asked

    if new.network is None:
        raise BadInputError("--network is missing; --list shows what there is, tiny is the quickest")
    side_of(new.network)
    name = new.run or new_run_name(context.data, new.network)
    if run_folder(context.data, name).exists():
        raise BadInputError(
            f"run {name} is there; go on with it: --resume {name}; or name another: --run NAME"
        )
    run = new_run(
        context.config,
        new.network,
        _dimension(context, new, new.network),
        list(dict.fromkeys(path.resolve() for path in datasets)),
        new.test,
        new.compatible_with or "",
    )
    limit = Limit(new.minutes, new.steps)
    if limit == Limit(None, None):
        short = new.network == HEAD and new.compatible_with is None
        limit = Limit(None, STEPS) if short else Limit(MINUTES, None)
    return Asked(name, run, limit, resumed=False)


def _dimension(context: Context, new: NewRun, network: str) -> int:
    """As asked for, else an older model's where the vectors are to be comparable with its. Raises BadInputError."""
    from pipeline.commands.training.older_vectors import older_model

    if new.compatible_with is None:
        return new.dimension or DIMENSION
    found = older_model(context, new.compatible_with, network).dimension or DIMENSION
    if new.dimension not in (None, found):
        raise BadInputError(
            f"--dimension {new.dimension}: vectors of {new.compatible_with} have {found}, and only the same can be "
            "compared"
        )
    return found


def _resumed(context: Context, new: NewRun, name: str) -> Asked:
    """The run that is there. Raises BadInputError where there is none."""
    from pipeline.commands.training.learners import Limit
    from pipeline.commands.training.run_file import TrainingRun, run_folder
    from pipeline.commands.training.running import Asked

    run = TrainingRun.read(run_folder(context.data, name))
    if new.dimension not in (None, run.dimension):
        raise BadInputError(f"run {name} has {run.dimension} dimensions; start another for {new.dimension}")
    return Asked(name, run, Limit(new.minutes, new.steps), resumed=True)
