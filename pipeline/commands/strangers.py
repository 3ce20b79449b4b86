"""`strangers`: unknown people who were seen, and what an operator says of them."""

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
    text_given,
)
from pipeline.commands.forgetting import NoScanOption, run_forget_stranger
from pipeline.commands.strangers_output import (
    named_document,
    print_sightings,
    print_strangers,
    stranger_document,
)
from pipeline.gallery.sightings.sighting_records import StrangerState

if TYPE_CHECKING:
    from pipeline.gallery.sightings.sighting_records import Stranger
    from pipeline.gallery.sightings.strangers import Strangers
    from pipeline.gallery.storage.store import Store

STILL_STRANGERS = (StrangerState.OPEN, StrangerState.IGNORED)

strangers = typer.Typer(
    name="strangers",
    help="Unknown people: list, show, name, merge, ignore, unignore, forget.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: python run_pipeline.py strangers list --since 1d",
)

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", parser=text_given, help="Id of a stranger, or its beginning.")
]


@dataclass(frozen=True, slots=True)
class Opened:
    """What these commands work with."""

    context: Context
    store: Store
    strangers: Strangers

    def found(self, asked: str) -> Stranger:
        """The stranger asked for; says so where that is another's id by now. Raises GalleryError."""
        one = self.strangers.find(asked)
        if not one.id.startswith(asked.strip().lower()):
            self.context.say(f"{asked} goes on as {one.id}")
        return one


@strangers.command("list")
def list_strangers(
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only who was seen since a time, or since 10m, 1h30m, 2d ago."),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(metavar="CAMERA", parser=text_given, help="Only who was seen by this camera."),
    ] = None,
    min_sightings: Annotated[
        int, typer.Option(metavar="N", min=0, help="Only who was seen at least so often.")
    ] = 0,
    state: Annotated[
        list[StrangerState] | None,
        typer.Option(
            metavar="STATE", help="Only open, ignored, merged or named; repeatable. [open, ignored]"
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List unknown people, also those seen once, the one seen last first.

    Example: python run_pipeline.py strangers list --since 1d --min-sightings 2 --json
    """
    from pipeline.clock import SystemClock
    from pipeline.commands.moment import parse_moment
    from pipeline.gallery.sightings.sighting_records import StrangerFilter

    begin = None if since is None else parse_moment("--since", since, SystemClock().now())
    states = frozenset(state or STILL_STRANGERS)
    wanted = StrangerFilter(states, begin, camera, min_sightings)
    with opened(make_context(config, data, set_, json_, debug)) as its:
        print_strangers(its.context, its.strangers.listed(wanted))


@strangers.command()
def show(
    stranger: IdArgument,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="Sightings shown at most.")] = 50,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show a stranger and where they were seen, the latest sighting first.

    Example: python run_pipeline.py strangers show s_3f90ab
    """
    from pipeline.gallery.sightings.sightings import Sightings

    with opened(make_context(config, data, set_, json_, debug)) as its:
        found = its.strangers.summary(its.found(stranger).id)
        person = None if found.stranger.person_id is None else its.store.known(found.stranger.person_id)
        latest = Sightings(its.store.database).of_stranger(found.stranger.id, count)
        print_sightings(its.context, found, person, latest)


@strangers.command()
def name(
    stranger: IdArgument,
    person: Annotated[str, typer.Argument(metavar="NAME", help="New name, or somebody's name or id.")],
    force: Annotated[
        bool, typer.Option("--force", help="Join the person of that name even if they do not look alike.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say who a stranger is: they are recognised from now on, and past sightings are corrected.

    Example: python run_pipeline.py strangers name s_3f90ab "Ann Lee"
    """
    from pipeline.commands.thresholds import comparable_of
    from pipeline.commands.waiting_corrections import publish_made
    from pipeline.gallery.sightings.stranger_naming import NamingRules

    with opened(make_context(config, data, set_, json_, debug)) as its:
        keys = its.context.config
        rules = NamingRules(
            max_distance=keys.matching.candidate_distance,
            min_quality=keys.enrolment.min_quality,
            max_templates=keys.strangers.max_vectors,
            most=keys.enrolment.max_templates,
            force=force,
            comparable=comparable_of(keys),
        )
        named = its.strangers.name(its.found(stranger).id, person, rules)
        its.store.wipe(named.redundant)
        if its.context.json:
            its.context.print_json(named_document(named))
        else:
            its.context.print(
                f"{named.stranger_id} is {named.person.name} ({named.person.id}): templates added: "
                f"{named.templates}, past sightings: {named.sightings}"
            )
        publish_made(its.context, its.store)


@strangers.command()
def merge(
    gone: IdArgument,
    into: Annotated[
        str, typer.Argument(metavar="INTO", parser=text_given, help="The id that both go on under.")
    ],
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say that two strangers are one; past sightings of the first are corrected.

    Example: python run_pipeline.py strangers merge s_3f90ab s_77c1d2
    """
    from pipeline.commands.waiting_corrections import publish_made

    with opened(make_context(config, data, set_, json_, debug)) as its:
        merged = its.strangers.merge(its.found(gone).id, its.found(into).id)
        if its.context.json:
            its.context.print_json({"id": merged.into, "gone": merged.gone, "sightings": merged.sightings})
        else:
            its.context.print(f"{merged.gone} goes on as {merged.into}: sightings: {merged.sightings}")
        publish_made(its.context, its.store)


@strangers.command()
def ignore(
    stranger: IdArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let no event tell of a stranger any more; they are still recognised, and sightings kept.

    Example: python run_pipeline.py strangers ignore s_3f90ab
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        ignored = its.strangers.ignore(its.found(stranger).id)
        if its.context.json:
            its.context.print_json(stranger_document(its.strangers.summary(ignored.id)))
        else:
            its.context.print(f"{ignored.id} is ignored: no event tells of them")


@strangers.command()
def unignore(
    stranger: IdArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let events tell of a stranger again.

    Example: python run_pipeline.py strangers unignore s_3f90ab
    """
    from pipeline.commands.waiting_corrections import publish_made

    with opened(make_context(config, data, set_, json_, debug)) as its:
        heard = its.strangers.unignore(its.found(stranger).id)
        if its.context.json:
            its.context.print_json(stranger_document(its.strangers.summary(heard.id)))
        else:
            its.context.print(f"{heard.id} is not ignored any more")
        publish_made(its.context, its.store)


@strangers.command()
def forget(
    stranger: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_scan: NoScanOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Erase an unknown person: vectors, sightings, pictures, also from known backups. Asks first when at a terminal.

    Example: python run_pipeline.py strangers forget s_3f90ab --yes
    """
    with opened(make_context(config, data, set_, json_, debug)) as its:
        run_forget_stranger(its.context, its.store, its.found(stranger).id, yes, no_scan)


@contextmanager
def opened(context: Context) -> Iterator[Opened]:
    """The gallery and its strangers, open."""
    from pipeline.assemble.gallery import open_store
    from pipeline.gallery.sightings.strangers import Strangers

    with open_store(context.config, context.data) as store:
        yield Opened(context, store, Strangers(store.database))
