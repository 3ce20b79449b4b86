"""`people`: who is in the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.app import Entry
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

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.gallery.storage.store import Store

ENTRIES = (
    Entry("set", "Note consent, and until when a person may be kept.", module="set_person"),
    Entry("merge", "Make two records of one person one.", module="merge_people"),
    Entry("import", "Enroll a folder of people, or read an export.", module="import_people"),
    Entry("export", "Write people into one file, to be imported elsewhere.", module="export_people"),
)

people = typer.Typer(
    name="people",
    help="List, show, change, import, export, forget people.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: python run_pipeline.py people list",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Exact name, or id.")]


@people.command("list")
def list_people(
    watchlist: Annotated[
        str | None, typer.Option("--watchlist", metavar="LIST", help="Only who is on this list.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List everybody and how many templates they have.

    Example: python run_pipeline.py people list --json
    """
    from rich.table import Table
    from rich.text import Text

    from pipeline.gallery.storage.watchlists import Watchlists

    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        everybody = store.people()
        if watchlist is not None:
            on_it = {one.id for one in Watchlists(store.database).members(watchlist)}
            everybody = tuple(one for one in everybody if one.person.id in on_it)
        if context.json:
            for one in everybody:
                context.print_json(
                    {
                        "id": one.person.id,
                        "name": one.person.name,
                        "templates": one.templates,
                        "created_at": utc(one.person.created_at),
                    }
                )
            return
        table = Table("id", "name", "templates", "since")
        for one in everybody:
            name = Text(one.person.name)
            table.add_row(one.person.id, name, str(one.templates), day(one.person.created_at))
        nobody = "nobody is enrolled; see 'enroll --help'" if watchlist is None else "nobody is on this list"
        context.print(table if everybody else nobody)


@people.command()
def show(
    name: NameArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show a person and the templates that stand for them.

    Example: python run_pipeline.py people show "Ann Lee"
    """
    from rich.table import Table
    from rich.text import Text

    from pipeline.gallery.storage.watchlists import Watchlists

    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        person = store.find(name)
        templates = store.templates_of(person.id)
        lists = Watchlists(store.database).of(person.id)
        if context.json:
            context.print_json(
                {
                    "id": person.id,
                    "name": person.name,
                    "created_at": utc(person.created_at),
                    "consent": person.consent,
                    "retain_until": None if person.retain_until is None else utc(person.retain_until),
                    "watchlists": [{"name": one.name, "purpose": one.purpose} for one in lists],
                    "templates": [
                        {
                            "label": one.label,
                            "model_id": one.model_id,
                            "quality": round(one.quality, 4),
                            "source": one.source,
                            "created_at": utc(one.created_at),
                        }
                        for one in templates
                    ],
                }
            )
            return
        table = Table("template", "from", "quality", "model", "since")
        for one in templates:
            row = (str(one.label), Text(one.source), f"{one.quality:.2f}", Text(one.model_id))
            table.add_row(*row, day(one.created_at))
        context.print(f"{person.name} ({person.id}), since {day(person.created_at)}")
        if lists:
            context.print(f"on watchlists: {', '.join(one.name for one in lists)}")
        if person.consent is not None:
            context.print(f"consent: {person.consent}")
        if person.retain_until is not None:
            context.print(f"kept until: {day(person.retain_until)}")
        context.print(table)


@people.command()
def rename(
    name: NameArgument,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give a person another name; the id stays.

    Example: python run_pipeline.py people rename "Ann Lee" "Ann Lee-Smith"
    """
    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        before = store.find(name)
        after = store.rename(before.id, new)
        if context.json:
            context.print_json({"id": after.id, "name": after.name, "previous_name": before.name})
        else:
            context.print(f"{before.name} is now {after.name} ({after.id})")


@people.command()
def forget(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_scan: NoScanOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Erase a person, backups included, and look whether anything is left. Asks first when at a terminal.

    Exit code 3 where something of them is out of reach; the same command with their id finishes it later.

    Example: python run_pipeline.py people forget "Ann Lee" --yes
    """
    from pipeline.commands.forgetting import run_forget

    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        run_forget(context, store, name, yes, no_scan)


@contextmanager
def opened(context: Context) -> Iterator[tuple[Context, Store]]:
    """The gallery, open."""
    from pipeline.assemble.gallery import open_store

    with open_store(context.config, context.data) as store:
        yield context, store


def utc(at: datetime) -> str:
    """A time as events write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def day(at: datetime) -> str:
    """A time for people, in their own zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")
