"""`people merge`: two records of one person become one."""

from __future__ import annotations

import shlex
import sys
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
from pipeline.errors import GalleryError

if TYPE_CHECKING:
    from pipeline.gallery.comparable import Comparable
    from pipeline.gallery.storage.records import Merged, Person
    from pipeline.gallery.storage.store import Store

NOTHING_MERGED = 1


def merge_people(
    gone: Annotated[str, typer.Argument(metavar="GONE", help="Exact name, or id, of who is no more then.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="Exact name, or id, that both go on under.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even where the two do not look alike.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make two records of one person one. It cannot be undone. Asks first when at a terminal.

    Templates, watchlists, past sightings and pictures of GONE are those of INTO then; past sightings are corrected.

    Example: python run_pipeline.py people merge "Anne Lee" "Ann Lee"
    """
    from pipeline.commands.people import opened
    from pipeline.commands.thresholds import comparable_of
    from pipeline.commands.waiting_corrections import publish_made

    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        one, other = store.find(gone), store.find(into)
        if one.id == other.id:
            raise GalleryError(f"{gone!a} and {into!a} are one already: {one.name} ({one.id})")
        distance = distance_between(store, one, other, comparable_of(context.config))
        check_alike(context, one, other, distance, force)
        if not (yes or not sys.stdin.isatty() or typer.confirm(question(one, other, distance), err=True)):
            context.say("nothing was merged")
            raise typer.Exit(NOTHING_MERGED)
        tell(context, store.merge(one.id, other.id), distance)
        publish_made(context, store)


def distance_between(store: Store, one: Person, other: Person, comparable: Comparable) -> float | None:
    """Squared L2 between the nearest two templates of both; None where no two of theirs can be compared."""
    import numpy as np

    from pipeline.gallery.agreement import distances_between
    from pipeline.gallery.comparable import beside

    ours, theirs = store.templates_of(one.id), store.templates_of(other.id)
    found = []
    for model_id in {each.model_id for each in ours}:
        a = [each.vector for each in ours if each.model_id == model_id]
        b = [each.vector for each in theirs if each.model_id in beside(model_id, comparable)]
        if b:
            found.append(float(distances_between(np.stack(a), np.stack(b)).min()))
    return min(found, default=None)


def check_alike(context: Context, one: Person, other: Person, distance: float | None, force: bool) -> None:
    """Raise GalleryError where two are probably two people, and nobody insists."""
    from pipeline.commands.thresholds import verification_distance

    if force:
        return
    if distance is None:
        why = "no model has described both, so that there is nothing to compare"
    elif distance < (limit := verification_distance(context.config, context.data)):
        return
    else:
        why = f"their nearest photos are {distance:.2f} apart, and from {limit:.2f} on they show two people"
    raise GalleryError(
        f"{one.name} ({one.id}) and {other.name} ({other.id}) are probably not one person: {why}; "
        "give --force if they are"
    )


def question(one: Person, other: Person, distance: float | None) -> str:
    """What is asked before it is done."""
    apart = "" if distance is None else f" (distance {distance:.2f})"
    return f"Make {one.name} ({one.id}) and {other.name} ({other.id}) one person{apart}, called {other.name}, for good?"


def tell(context: Context, merged: Merged, distance: float | None) -> None:
    """Print what moved."""
    gone, person = merged.gone, merged.person
    if context.json:
        context.print_json(
            {
                "id": person.id,
                "name": person.name,
                "gone": {"id": gone.id, "name": gone.name},
                "distance": None if distance is None else round(distance, 4),
                "templates": {
                    "moved": merged.moved,
                    "same_image": len(merged.dropped),
                    "redundant": len(merged.redundant),
                },
                "watchlists": list(merged.watchlists),
                "sightings": merged.sightings,
                "strangers": merged.strangers,
                "snapshots": merged.snapshots,
            }
        )
        return
    context.print(f"{gone.name} ({gone.id}) goes on as {person.name} ({person.id})")
    moved = {
        "templates": merged.moved,
        "dropped, of the same images": len(merged.dropped),
        "dropped as redundant": len(merged.redundant),
        "past sightings": merged.sightings,
        "strangers": merged.strangers,
        "pictures": merged.snapshots,
    }
    context.print(", ".join(f"{what}: {count}" for what, count in moved.items() if count) or "nothing moved")
    if merged.watchlists:
        context.print(f"joined watchlists: {', '.join(merged.watchlists)}")


def merge_command(gone: str, into: str, gone_id: str | None = None, into_id: str | None = None) -> str:
    """The command that merges two people, by name, to be pasted into a shell.

    By id where a name would be taken for an option, or is not all printable: as an invisible sign that turns
    the direction of writing, which would show another command than the shell sees.

    >>> merge_command("Ann Lee", "$(reboot)")
    "people merge 'Ann Lee' '$(reboot)'"
    """
    called = (
        name if id_ is None or (name.isprintable() and not name.startswith("-")) else id_
        for name, id_ in ((gone, gone_id), (into, into_id))
    )
    return f"people merge {' '.join(map(shlex.quote, called))}"
