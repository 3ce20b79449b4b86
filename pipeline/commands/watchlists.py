"""`watchlists`: named lists of people, to search among some only and to tell subscribers who was seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from pipeline.gallery.storage.store import Store
    from pipeline.gallery.storage.watchlists import WatchlistCount, Watchlists

NOTHING_DONE = 1

watchlists = typer.Typer(
    name="watchlists",
    help="Named lists of people: list, show, create, purpose, add, remove, delete.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Example: python run_pipeline.py watchlists create vip "greet at the door"',
)

ListArgument = Annotated[str, typer.Argument(metavar="LIST", help="Exact name of the list.")]
PeopleArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Exact names of people, or ids.")
]


@dataclass(frozen=True, slots=True)
class Opened:
    """What these commands work with."""

    context: Context
    store: Store
    lists: Watchlists


@watchlists.command("list")
def list_watchlists(
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List all watchlists and how many people are on each.

    Example: python run_pipeline.py watchlists list --json
    """
    from rich.table import Table
    from rich.text import Text

    with opened(make_context(config, data, set_, json_, debug)) as its:
        found = its.lists.all()
        if its.context.json:
            for one in found:
                its.context.print_json(document(one))
            return
        table = Table("watchlist", "people", "purpose")
        for one in found:
            table.add_row(Text(one.watchlist.name), str(one.people), Text(one.watchlist.purpose))
        its.context.print(table if found else "there is no watchlist; see 'watchlists create --help'")


@watchlists.command()
def show(
    name: ListArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show who is on a watchlist.

    Example: python run_pipeline.py watchlists show vip
    """
    from rich.table import Table
    from rich.text import Text

    with opened(make_context(config, data, set_, json_, debug)) as its:
        found, members = its.lists.find(name), its.lists.members(name)
        if its.context.json:
            people = [{"id": one.id, "name": one.name} for one in members]
            its.context.print_json({**document(found), "members": people})
            return
        table = Table("id", "name")
        for one in members:
            table.add_row(one.id, Text(one.name))
        its.context.print(f"{found.watchlist.name}: {found.watchlist.purpose}")
        its.context.print(table if members else "nobody is on it; see 'watchlists add --help'")


@watchlists.command()
def create(
    name: Annotated[str, typer.Argument(metavar="LIST", help="Name of the new list.")],
    purpose: Annotated[str, typer.Argument(metavar="PURPOSE", help="What it is for; events carry it.")],
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Begin a watchlist.

    Example: python run_pipeline.py watchlists create vip "greet at the door"
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        made = its.lists.create(name, purpose)
        if its.context.json:
            its.context.print_json({"name": made.name, "purpose": made.purpose, "people": 0})
        else:
            its.context.print(f"{made.name}: nobody is on it yet; see 'watchlists add --help'")


@watchlists.command()
def purpose(
    name: ListArgument,
    new: Annotated[str, typer.Argument(metavar="PURPOSE", help="What it is for; events carry it.")],
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say anew what a watchlist is for.

    Example: python run_pipeline.py watchlists purpose vip "call the front desk"
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        kept = its.lists.set_purpose(name, new)
        if its.context.json:
            its.context.print_json(document(its.lists.find(kept.name)))
        else:
            its.context.print(f"{kept.name}: {kept.purpose}")


@watchlists.command()
def add(
    name: ListArgument,
    people: PeopleArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Put people on a watchlist, all or none of them.

    Example: python run_pipeline.py watchlists add vip "Ann Lee" p_0123456789ab
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        added = its.lists.add(name, [its.store.find(one).id for one in people])
        tell(its, name, "added", added)


@watchlists.command()
def remove(
    name: ListArgument,
    people: PeopleArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take people off a watchlist; they stay in the gallery. Exit code 1 when none of them was on it.

    Example: python run_pipeline.py watchlists remove vip "Ann Lee"
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        removed = its.lists.remove(name, [its.store.find(one).id for one in people])
        tell(its, name, "removed", removed)
    if not removed:
        raise typer.Exit(NOTHING_DONE)


@watchlists.command()
def delete(
    name: ListArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take a watchlist away; its people stay in the gallery.

    Example: python run_pipeline.py watchlists delete vip
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        gone = its.lists.delete(name)
        if its.context.json:
            its.context.print_json(document(gone))
        else:
            its.context.print(f"{gone.watchlist.name} is gone; people who were on it: {gone.people}")


def document(found: WatchlistCount) -> dict[str, object]:
    """A list as a JSON line."""
    return {"name": found.watchlist.name, "purpose": found.watchlist.purpose, "people": found.people}


def tell(its: Opened, name: str, done: str, count: int) -> None:
    """What became of the list."""
    now = its.lists.find(name)
    if its.context.json:
        its.context.print_json({**document(now), done: count})
    else:
        its.context.print(f"{now.watchlist.name}: {done} {count}, people now: {now.people}")


@contextmanager
def opened(context: Context) -> Iterator[Opened]:
    """The gallery, open."""
    from pipeline.assemble.gallery import open_store
    from pipeline.gallery.storage.watchlists import Watchlists

    with open_store(context.config, context.data) as store:
        yield Opened(context, store, Watchlists(store.database))
