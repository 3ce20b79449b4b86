"""`restore`: a backup into an empty gallery, or in place of the one that is there."""

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
from pipeline.errors import OutsideError

if TYPE_CHECKING:
    from pipeline.gallery.keeping.restore import Restored
    from pipeline.gallery.storage.store import Store


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=path_given, help="That backup wrote.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace everything that is in the gallery by what is in the backup."),
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Verify a backup and put all of it into the gallery, or nothing. Stop programs that write to the gallery first.

    Who was forgotten after the backup was made does not come back.

    Example: python run_pipeline.py restore /mnt/disk/gallery-2026-05-01.backup --data restored
    """
    from pipeline.assemble.gallery import open_store

    context = make_context(config, data, set_, json_, debug)
    with open_store(context.config, context.data) as store:
        run_restore(context, store, file, force)


def run_restore(context: Context, store: Store, file: Path, force: bool) -> None:
    """Restore a backup and tell what came of it. Raises GalleryError, StoreError."""
    from pipeline.commands.forgetting import steps
    from pipeline.commands.people import utc
    from pipeline.gallery.keeping.restore import restore as put_back
    from pipeline.gallery.storage.rows import now

    with steps(context) as on_progress:
        done = put_back(store.database, context.data, file, now(), replace=force, on_progress=on_progress)
    if context.json:
        context.print_json(
            {
                "file": str(file),
                "created_at": utc(done.created_at),
                "gallery_version": done.version,
                "rows": done.rows,
                "files": done.files,
                "forgotten_since": done.forgotten,
                "left": list(done.left),
            }
        )
    else:
        _tell(context, file, done)
    for line in done.left:
        context.say(f"left: {line}")
    if done.left:
        raise OutsideError("the backup is restored, but not all of what was there before is gone; see above")


def _tell(context: Context, file: Path, done: Restored) -> None:
    from pipeline.commands.people import day

    context.print(
        f"restored {file} of {day(done.created_at)}: the gallery is at version {done.version}, with {done.rows} rows "
        f"and {done.files} files"
    )
    if done.forgotten:
        context.print(f"{done.forgotten} people who were forgotten since did not come back")
