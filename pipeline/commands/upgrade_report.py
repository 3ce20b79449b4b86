"""What an upgrade prints: who would change, who is left behind, what serves now."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.report import visible
from pipeline.errors import OutsideError

if TYPE_CHECKING:
    from pathlib import Path

    from engines.zoo.description import ModelDescription
    from pipeline.gallery.storage.records import Serving
    from pipeline.gallery.storage.store import Store
    from pipeline.gallery.upgrade.agreement import Agreement, Difference, Found
    from pipeline.gallery.upgrade.left_behind import LeftBehind

NAMED = 20
"""people in a table; the file, or --json, has all"""

MEANS = {
    "not_found": "not found any more",
    "taken": "taken for somebody else",
    "look_alike": "new look-alike",
    "found": "found now",
    "apart": "no look-alike any more",
}


def tell_agreement(context: Context, store: Store, new: ModelDescription, found: Agreement) -> None:
    """Print who would be recognised differently, and keep it in a file. Raises OutsideError."""
    path = context.data / "upgrade" / f"{new.name}.json"
    _write(path, json.dumps(_document(found), indent=1) + "\n")
    if context.json:
        context.print_json({"agreement": _document(found), "file": str(path)})
        return
    from rich.table import Table
    from rich.text import Text

    context.print(f"{found.people} people, {found.faces} of their faces asked for among the others")
    table = Table("", "old", "new")
    for what, old, now in _counts(found.old, found.new):
        table.add_row(what, old, now)
    context.print(table)
    if found.differences:
        names = _names(store, found.differences)
        changes = Table("who", "what", "whom", "old distance", "new distance")
        for one in found.differences[:NAMED]:
            whom = "" if one.other_id is None else names.get(one.other_id, one.other_id)
            changes.add_row(
                Text(visible(names.get(one.person_id, one.person_id))),
                MEANS[one.kind.value],
                Text(visible(whom)),
                f"{one.old_distance:.2f}",
                f"{one.new_distance:.2f}",
            )
        context.print(changes)
    more = f", the first {NAMED} above" if len(found.differences) > NAMED else ""
    context.print(
        f"{len(found.differences)} changes{more}; worse for {len(found.worse)} of {found.people} people "
        f"({100.0 * found.share:.1f} %); all, by id: {path}"
    )


def _counts(old: Found, new: Found) -> Sequence[tuple[str, str, str]]:
    return (
        ("faces that find their own person", f"{old.right} of {old.asked}", f"{new.right} of {new.asked}"),
        ("faces that find somebody else", str(old.wrong), str(new.wrong)),
    )


def _document(found: Agreement) -> dict[str, object]:
    """By ids alone: a file of names would have to be found when somebody is forgotten."""
    return {
        "people": found.people,
        "faces": found.faces,
        "worse": len(found.worse),
        **{
            name: {"asked": one.asked, "right": one.right, "wrong": one.wrong}
            for name, one in (("old", found.old), ("new", found.new))
        },
        "changes": [
            {
                "kind": one.kind.value,
                "person": one.person_id,
                "other": one.other_id,
                "old_distance": round(one.old_distance, 4),
                "new_distance": round(one.new_distance, 4),
            }
            for one in found.differences
        ],
    }


def _names(store: Store, differences: Sequence[Difference]) -> dict[str, str]:
    from pipeline.gallery.storage.lookups import names_of

    shown = differences[:NAMED]
    with store.database.reading() as connection:
        return names_of(
            connection, {each for one in shown for each in (one.person_id, one.other_id) if each is not None}
        )


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise OutsideError(f"{path}: cannot be written ({error.strerror}); make room there") from error


def tell_switched(context: Context, done: Serving, unreadable: int) -> None:
    """Say what serves now, and what could not be described."""
    if context.json:
        context.print_json({"serving": done.model, "model_id": done.model_id, "unreadable": unreadable})
    else:
        context.print(f"{done.model} serves now; running monitors change to it by themselves")
    if unreadable:
        context.say(f"kept faces that are no pictures any more, and were left out: {unreadable}")
    context.say(
        "past sightings keep the vectors of the model that saw them: strangers and `search` begin anew, and what "
        "was seen before is searched by the model that saw it"
    )


def tell_left_behind(context: Context, store: Store, comparable: Collection[str]) -> None:
    """Name who is known by older models alone."""
    from pipeline.gallery.upgrade.left_behind import left_behind

    with store.database.reading() as connection:
        behind = left_behind(connection, comparable)
    if context.json:
        for one in behind:
            context.print_json({"left_behind": {"id": one.person_id, "name": one.name}, "by": one.model_ids})
    elif behind:
        context.print(f"left behind: {len(behind)} (no kept face; found by the older model until seen again)")
        show_left_behind(context, behind)


def show_left_behind(context: Context, behind: Sequence[LeftBehind]) -> None:
    """A line each, of the first ones."""
    for one in behind[:NAMED]:
        context.print(f"  {visible(one.name)} ({one.person_id}), known by {', '.join(one.model_ids)}")
    if len(behind) > NAMED:
        context.print(f"  and {len(behind) - NAMED} more; upgrade --status --json has all")
