"""`people import`: many people at once, from a folder of photos or from what `people export` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
)
from pipeline.commands.set_person import date_given, say_if_past
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What `people import` was asked to do."""

    source: Path
    """a folder, or a file"""
    largest: bool = False
    force: bool = False
    report: Path | None = None
    watchlist: str | None = None
    consent: str | None = None
    retain_until: datetime | None = None
    merge: bool = False


def import_people(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER_OR_FILE",
            parser=path_given,
            help="A folder with a folder of photos a person, called as they are; or a file of 'people export'.",
        ),
    ],
    largest: Annotated[
        bool, typer.Option("--largest", help="Folder: take the largest of several faces.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Folder: accept photos unlike the person's others, or cut off.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="CSV",
            parser=path_given,
            help="Folder: write who was refused, and why, there.",
        ),
    ] = None,
    watchlist: Annotated[
        str | None, typer.Option("--watchlist", metavar="LIST", help="Put everybody on this list.")
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option("--consent", metavar="TEXT", help="Folder: what those who are new agreed to."),
    ] = None,
    retain_until: Annotated[
        str | None,
        typer.Option("--retain-until", metavar="DATE", help="Folder: when those who are new are to go."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="File: add templates to people who are here already.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Import many people. Exit code 0 when there was something to import, 2 when nothing was accepted.

    A run that was ended goes on where it was when it is started again; photos known or refused are not looked at anew.

    Example: python run_pipeline.py people import photos/ --report rejects.csv --watchlist staff
    """
    until = None if retain_until is None else date_given(retain_until)
    request = ImportRequest(source, largest, force, report, watchlist, consent, until, merge)
    context = make_context(config, data, set_, json_, debug)
    if not source.exists():
        raise BadInputError(f"{source}: no such folder or file; check the path")
    if until is not None:
        say_if_past(context, until)
    code = import_folder(context, request) if source.is_dir() else import_file(context, request)
    raise typer.Exit(code)


def import_folder(context: Context, request: ImportRequest) -> int:
    """Enroll a folder of people; the exit code."""
    from pipeline.assemble.gallery import open_store
    from pipeline.assemble.recognition import open_recognition
    from pipeline.capture.people_folder import open_people_folder
    from pipeline.commands.import_run import run_folder
    from pipeline.commands.output import model_progress
    from pipeline.gallery.names import clean_note
    from pipeline.gallery.storage.watchlists import Watchlists

    refuse(request.merge, "--merge", "a file")
    folder = open_people_folder(request.source)
    if request.consent is not None:
        clean_note(request.consent)
    with open_store(context.config, context.data) as store:
        if request.watchlist is not None:
            Watchlists(store.database).find(request.watchlist)  # before the models are loaded
        with (
            model_progress(context) as on_progress,
            open_recognition(context.config, context.models, on_progress) as recognition,
        ):
            return run_folder(context, request, folder, store, recognition)


def import_file(context: Context, request: ImportRequest) -> int:
    """Read a portable file into the gallery; the exit code."""
    from pipeline.assemble.gallery import open_store
    from pipeline.commands.import_portable import run_file

    for given, option in (
        (request.largest, "--largest"),
        (request.force, "--force"),
        (request.report is not None, "--report"),
        (request.consent is not None, "--consent"),
        (request.retain_until is not None, "--retain-until"),
    ):
        refuse(given, option, "a folder")
    with open_store(context.config, context.data) as store:
        return run_file(context, request, store)


def refuse(given: bool, option: str, where: str) -> None:
    """Raise BadInputError where an option was given that means nothing here."""
    if given:
        raise BadInputError(f"{option} goes with {where} only; leave it out")
