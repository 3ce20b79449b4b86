"""`people export`: people into one portable file, for another gallery or another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.clock import SystemClock
from pipeline.commands.context import (
    ConfigOption,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    path_given,
)
from pipeline.commands.written_files import check_file
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.gallery.storage.records import Person
    from pipeline.gallery.storage.store import Store


def export_people(
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=path_given, help="The new file.")],
    person: Annotated[
        list[str] | None,
        typer.Option("--person", metavar="NAME", help="Only this person, by name or id; repeatable."),
    ] = None,
    watchlist: Annotated[
        list[str] | None,
        typer.Option("--watchlist", metavar="LIST", help="Only who is on this list; repeatable."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write people, templates, photos of faces and watchlists into one file, which 'people import' reads.

    The file is as private as the gallery; docs/portable.md says what is in it.

    Example: python run_pipeline.py people export staff.people --watchlist staff
    """
    from pipeline.commands.people import opened
    from pipeline.gallery.keeping import audit
    from pipeline.gallery.keeping.audit import AuditLine
    from pipeline.gallery.portable.portable_export import export_people as export

    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        whom = chosen(store, person or (), watchlist or ())
        check_file("people export", file)
        with context.progress() as bars:
            task = bars.add_task("writing people", total=len(store.people()) if whom is None else len(whom))
            done = export(
                store.database,
                file,
                whom,
                replace=force,
                advance=lambda count: bars.advance(task, count),
            )
        audit.note(context.data, AuditLine("export", file=file.absolute()), SystemClock().now())
        counts = done.counts
        if context.json:
            context.print_json(
                {"file": str(file), **counts.model_dump(), "bytes": done.bytes, "sha256": done.sha256}
            )
        else:
            context.print(
                f"{file}: people: {counts.people}, templates: {counts.templates}, crops: {counts.crops}, "
                f"watchlists: {counts.watchlists}; {done.bytes / 1e6:.1f} MB, SHA-256 {done.sha256}"
            )


def chosen(
    store: Store, names: tuple[str, ...] | list[str], lists: tuple[str, ...] | list[str]
) -> list[Person] | None:
    """Those who were asked for, each once; None: everybody. Raises GalleryError, BadInputError."""
    from pipeline.gallery.storage.watchlists import Watchlists

    if not names and not lists:
        if not store.people():
            raise BadInputError("nobody is enrolled, so there is nothing to export; see 'enroll --help'")
        return None
    found = [store.find(name) for name in names]
    for one in lists:
        found += Watchlists(store.database).members(one)
    if not found:
        raise BadInputError("nobody is on this watchlist, so there is nothing to export")
    return list({one.id: one for one in found}.values())
