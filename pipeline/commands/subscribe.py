"""`subscribe`: follow the published events."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from config.secrets import mask
from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    text_given,
    write_out,
)
from pipeline.errors import BadInputError
from pipeline.events.event import EventType

if TYPE_CHECKING:
    from pipeline.events.delivery.stream import Since, StreamReader
    from pipeline.events.delivery.subscribe import Interest, Subscription

log = logging.getLogger(__name__)


SinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Begin with what was published at a time (2026-05-01T09:00:00Z), some time ago (10m, 1h30m, 2d), "
        "behind a stream id, or with everything (0). [now]",
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[/MEMBER]",
        parser=text_given,
        help="Share the events with others of this group, and go on where it was; --since counts for a new one. Who "
        "comes back as the same MEMBER goes on at once with what it had not finished. [a new member]",
    ),
]
PersonOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WHO",
        parser=text_given,
        help="Only of this person, by id or name, or stranger id; repeatable.",
    ),
]


def subscribe(
    since: SinceOption = None,
    group: GroupOption = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(metavar="CAMERA", parser=text_given, help="Only of this camera; repeatable."),
    ] = None,
    person: PersonOption = None,
    watchlist: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", parser=text_given, help="Only of people on this watchlist; repeatable."),
    ] = None,
    type_: Annotated[
        list[EventType] | None,
        typer.Option("--type", metavar="TYPE", help="Only new, update, end or correction; repeatable."),
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="What replays publish, not the cameras.")] = False,
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="End after N events.")] = None,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", parser=text_given, help="Follow this Redis instead of redis.url."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Follow the published events until SIGINT or SIGTERM, also over a Redis that goes away and comes back.

    Example: python run_pipeline.py subscribe --since 10m --person Ann --json
    """
    from pipeline.events.delivery.stream import Since, parse_since
    from pipeline.events.delivery.subscribe import Interest

    start = Since() if since is None else parse_since(since)
    interest = Interest(
        frozenset(camera or ()), frozenset(person or ()), frozenset(type_ or ()), frozenset(watchlist or ())
    )
    keys = [*(set_ or ()), *([f"redis.url={redis}"] if redis is not None else ())]
    context = make_context(config, data, keys, json_, debug)
    stream = context.config.redis.replay_stream if replay else context.config.redis.stream
    follow(context, choose_reader(stream, group, start), interest, count)


def choose_reader(stream: str, group: str | None, start: Since) -> StreamReader:
    """For oneself, or as a member of `NAME` or `NAME/MEMBER`. Raises BadInputError."""
    from pipeline.events.delivery.group import GroupReader, own_name
    from pipeline.events.delivery.stream import LastIdReader

    if group is None:
        return LastIdReader(stream, start)
    name, named, member = group.partition("/")
    if not name or (named and not member):
        raise BadInputError(f"--group {group}: give the group's name, or NAME/MEMBER")
    return GroupReader(stream, name, member or own_name(), start)


@dataclass(frozen=True, slots=True)
class Following:
    """A subscription as a run that signals end; there is nothing in flight, so that draining is stopping."""

    subscription: Subscription

    def drain(self) -> None:
        """End after the event at hand."""
        self.subscription.stop()

    def stop(self) -> None:
        """End after the event at hand."""
        self.subscription.stop()


def follow(context: Context, reader: StreamReader, interest: Interest, count: int | None) -> None:
    """Print the events of interest as they come, each at once, until `count`, SIGINT or SIGTERM."""
    from pipeline.events.delivery.broker import choose_broker
    from pipeline.events.delivery.subscribe import Subscription
    from pipeline.events.encode import encode
    from pipeline.events.readable import readable
    from pipeline.runtime.signals import ended_by_signals

    url = context.config.redis.url
    address = None if url is None else url.reveal()
    broker = choose_broker(address, "" if address is None else mask(address), context.data)
    subscription = Subscription(broker, reader, log.warning)
    printed = 0
    with ended_by_signals(Following(subscription)):
        for event in subscription:
            if interest.wants(event):
                write_out(f"{encode(event) if context.json else readable(event)}\n")
                printed += 1
            if printed == count:
                subscription.stop()
