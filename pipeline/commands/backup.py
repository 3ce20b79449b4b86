"""`backup`: all of a running gallery into one file."""

from __future__ import annotations

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
from pipeline.errors import BadInputError, GalleryError

if TYPE_CHECKING:
    from pipeline.gallery.storage.store import Store


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", parser=path_given, help="To be written.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a backup of this name.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name the backups that are known, instead.")] = False,
    gone: Annotated[
        Path | None,
        typer.Option(
            "--gone",
            metavar="FILE",
            parser=path_given,
            help="You have deleted this one: know of it no longer.",
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write people, templates, sightings, strangers, watchlists and pictures into one file, while cameras run.

    The gallery knows its backups, so that `people forget` erases people from them too. Whoever moves one tells it by
    --gone and restores it from where it is.

    Example: python run_pipeline.py backup /mnt/disk/gallery-2026-05-01.backup
    """
    from pipeline.assemble.gallery import open_store

    if [file is not None, list_, gone is not None].count(True) != 1:
        raise BadInputError("backup: name the FILE to write; or give --list, or --gone FILE")
    context = make_context(config, data, set_, json_, debug)
    with open_store(context.config, context.data) as store:
        if file is not None:
            run_backup(context, store, file, force)
        elif gone is not None:
            run_gone(context, store, gone)
        else:
            run_list(context, store)


def run_backup(context: Context, store: Store, file: Path, force: bool) -> None:
    """Write a backup and tell what is in it. Raises GalleryError, StoreError."""
    from pipeline.commands.forgetting import steps
    from pipeline.gallery.keeping.backup import backup as write
    from pipeline.gallery.storage.rows import now

    with steps(context) as on_progress:
        done = write(store.database, context.data, file, now(), replace=force, on_progress=on_progress)
    if context.json:
        context.print_json(
            {
                "file": str(done.path),
                "gallery_version": done.version,
                "rows": done.rows,
                "files": done.files,
                "bytes": done.bytes,
            }
        )
    else:
        context.print(
            f"{done.path}: the gallery at version {done.version}, {done.rows} rows and {done.files} files, "
            f"{done.bytes / 1e6:.1f} MB"
        )


def run_list(context: Context, store: Store) -> None:
    """Print the backups that are known."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.commands.people import day, utc
    from pipeline.gallery.keeping.known_backups import UNFINISHED, known_backups

    with store.database.reading() as connection:
        known = [each for each in known_backups(connection) if each.version != UNFINISHED]
    if context.json:
        for each in known:
            context.print_json(
                {
                    "file": str(each.path),
                    "created_at": utc(each.created_at),
                    "gallery_version": each.version,
                    "there": each.path.is_file(),
                }
            )
        return
    table = Table("backup", "of", "version", "there")
    for each in known:
        there = "yes" if each.path.is_file() else "no"
        table.add_row(Text(str(each.path)), day(each.created_at), str(each.version), there)
    context.print(table if known else "no backup is known; see 'backup --help'")


def run_gone(context: Context, store: Store, file: Path) -> None:
    """Know of a backup no longer. Raises GalleryError for one that is still there, or was not known."""
    from pipeline.gallery.keeping.backup import absolute
    from pipeline.gallery.keeping.known_backups import strike_off

    path = absolute(file)
    if path.exists():
        raise GalleryError(f"{file}: is still there; delete it first")
    with store.database.writing() as connection:
        if not strike_off(connection, path):
            raise GalleryError(f"{file}: no backup of this name is known; 'backup --list' names them")
    if context.json:
        context.print_json({"file": str(path), "known": False})
    else:
        context.print(f"{path} is known no longer")
