"""`expire`: erase what is kept too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
)
from pipeline.commands.forgetting import NoScanOption
from pipeline.errors import OutsideError

if TYPE_CHECKING:
    from pipeline.gallery.storage.store import Store


def expire(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be erased, erase nothing.")
    ] = False,
    no_scan: NoScanOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Erase sightings, strangers' vectors and pictures older than retention.* says, and people past their date.

    Every run does this when it starts, and a live one once a day; this command is for when nothing runs.

    Example: python run_pipeline.py expire --dry-run
    """
    from pipeline.assemble.gallery import open_store

    context = make_context(config, data, set_, json_, debug)
    with open_store(context.config, context.data) as store:
        run_expire(context, store, dry_run=dry_run, no_scan=no_scan)


def run_expire(context: Context, store: Store, *, dry_run: bool, no_scan: bool) -> None:
    """Erase what is kept too long and count it. Raises StoreError, OutsideError where something of a person is left."""
    from pipeline.assemble.retention import retention_rules
    from pipeline.commands.forgetting import steps
    from pipeline.gallery.keeping.retention import due
    from pipeline.gallery.keeping.retention import expire as erase
    from pipeline.gallery.storage.rows import now

    rules, at = retention_rules(context.config), now()
    if dry_run:
        would = due(store.database, context.data, rules, at)
        _tell(context, "would erase", would.counts, would.people)
        return
    with steps(context) as on_progress:
        done = erase(store.database, context.data, rules, at, look=not no_scan, on_progress=on_progress)
    _tell(context, "erased", done.counts, [one.id for one in done.people])
    for line in done.left:
        context.say(f"left: {line}")
    if done.left:
        raise OutsideError(
            "people past their date are erased from the gallery, but not everywhere; see above"
        )


def _tell(context: Context, verb: str, counts: Mapping[str, int], ids: Sequence[str]) -> None:
    if context.json:
        context.print_json({"erased": verb == "erased", **counts, "person_ids": list(ids)})
        return
    words = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in counts.items())
    context.print(f"{verb} {words}")
    if ids:
        context.print(f"past their date: {', '.join(ids)}")
