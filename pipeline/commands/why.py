"""`why`: why a face got no name, or how it got one; and for each camera how many did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from pipeline.commands.moment import parse_moment
from pipeline.commands.report import visible
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.events.why.funnel import CameraFunnel, ReasonCount

OFFERED = 3
"""ids that are told where one does not exist"""


@dataclass(frozen=True, slots=True)
class WhyRequest:
    """What is to be explained."""

    sighting: str | None
    """its id; None: the funnel of each camera"""
    since: datetime
    """of the funnel, UTC"""
    camera: str | None
    """of the funnel; None: all"""


def why(
    sighting: Annotated[
        str | None,
        typer.Argument(
            metavar="[SIGHTING]", parser=text_given, help="Its id, as events have it: door:k3f9:17."
        ),
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="Without SIGHTING: count those kept since; 1d, 2h, or a time.")
    ] = "1d",
    camera: Annotated[
        str | None,
        typer.Option(metavar="NAME", parser=text_given, help="Without SIGHTING: count those of this camera."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say why a face got no name, gate by gate; without SIGHTING, how many got one at each camera, and why others not.

    Sightings of cameras and of replays, for as long as they are kept (retention.sightings_days). --since counts from
    when a sighting was kept: for a replay, from when it was run.

    Example: python run_pipeline.py why door:k3f9:17
    """
    context = make_context(config, data, set_, json_, debug)
    moment = parse_moment("--since", since, datetime.now(UTC))
    run_why(context, WhyRequest(sighting, moment, camera))


def run_why(context: Context, request: WhyRequest) -> None:
    """Print it. Raises BadInputError for an id or a camera that is not there, StoreError."""
    from pipeline.assemble.explaining import account_kept, threshold_from
    from pipeline.assemble.gallery import open_store
    from pipeline.events.why.account import document

    with open_store(context.config, context.data) as store:
        if request.sighting is None:
            with store.database.reading() as connection:
                funnels = _funnels(connection, request)
            print_funnels(context, funnels)
            return
        kept = account_kept(store.database, request.sighting)
        if kept is None:
            with store.database.reading() as connection:
                raise BadInputError(_unknown(connection, request.sighting))
    known = None if kept.over else _of_monitor(context, request.sighting)
    print_account(context, known or document(kept, threshold_from(context.config, kept)))


def print_account(context: Context, explained: Mapping[str, object]) -> None:
    """What `account.document` made of a sighting: its lines in words, or all of it as a line of JSON."""
    lines = explained["lines"]
    if context.json or not isinstance(lines, list):
        context.print_json(explained)
        return
    context.print("\n".join(visible(str(line)) for line in lines))


def _of_monitor(context: Context, sighting_id: str) -> Mapping[str, object] | None:
    """What a running monitor says of a sighting that goes on; None where none runs, or it does not answer."""
    from pipeline.commands.monitor_client import MonitorClient
    from pipeline.web.announcement import find_monitor

    try:
        found = find_monitor(context.data)
        if found is None:
            return None
        with MonitorClient(found) as monitor:
            return monitor.why(sighting_id)
    except OutsideError as error:
        context.say(f"{error}; this is what was kept when the sighting was last told of")
        return None


def print_funnels(context: Context, funnels: Sequence[CameraFunnel]) -> None:
    """A line of JSON a camera, or a table and the hints below it."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.events.why.hints import IN_WORDS, hint
    from pipeline.events.why.shortfall import Reason

    if context.json:
        for one in funnels:
            context.print_json(funnel_document(one))
        return
    if not funnels:
        context.say("no sightings in this time; --since 7d looks further back")
        return
    there = {each.reason for one in funnels for each in one.unnamed}
    reasons = [reason for reason in Reason if reason in there]
    unexplained = any(one.unexplained for one in funnels)
    columns = ["camera", "faces", "named", *(IN_WORDS[reason] for reason in reasons)]
    table = Table(*columns, *(["not known"] if unexplained else []))
    for column in table.columns[1:]:
        column.justify = "right"
    for one in funnels:
        counts = {each.reason: each.sightings for each in one.unnamed}
        cells = [one.faces, one.named, *(counts.get(reason, 0) for reason in reasons)]
        cells += [one.unexplained] if unexplained else []
        table.add_row(Text(visible(one.camera)), *(str(cell) if cell else "–" for cell in cells))
    context.print(table)
    for one in funnels:
        said = hint(one)
        if said is not None:
            context.print(f"{visible(one.camera)}: {said}")


def funnel_document(funnel: CameraFunnel) -> Mapping[str, object]:
    """The keys of a camera's line."""
    from pipeline.events.why.hints import hint
    from pipeline.geometry import EDGES_PX

    return {
        "camera": funnel.camera,
        "faces": funnel.faces,
        "named": funnel.named,
        "unnamed": _by_reason(funnel.unnamed),
        "unexplained": funnel.unexplained,
        "sizes_px": {"edges": list(EDGES_PX), "faces": list(funnel.sizes.counts)},
        "hint": hint(funnel),
    }


def _by_reason(counts: Sequence[ReasonCount]) -> Mapping[str, int]:
    return {each.reason.value: each.sightings for each in counts}


def _unknown(connection: Connection, sighting_id: str) -> str:
    """One line for an id that is not there."""
    from pipeline.gallery.sightings.kept_explanations import cameras_of, ids_like, split_id

    near = ids_like(connection, sighting_id, OFFERED)
    if near:
        return f"no sighting is called {sighting_id!r}; there are: {', '.join(near)}"
    cameras = cameras_of(connection)
    camera = split_id(sighting_id)[0]
    there = f"sightings are kept of: {', '.join(cameras)}" if cameras else "no sightings are kept"
    return f"no sighting is called {sighting_id!r}, and none is kept of a camera {camera!r}; {there}"


def _funnels(connection: Connection, request: WhyRequest) -> tuple[CameraFunnel, ...]:
    """Counted from what is kept. Raises BadInputError for a camera that nothing is kept of."""
    from pipeline.events.why.explanation import readable
    from pipeline.events.why.funnel import FunnelOfKept
    from pipeline.gallery.sightings.kept_explanations import cameras_of, explanations_since

    counted = FunnelOfKept()
    for one in explanations_since(connection, request.since, request.camera):
        explained = readable(one.text)
        named = one.named if explained is None else explained.shortfall is None
        counted.add(one.camera, explained, named=named)
    funnels = counted.funnels()
    if not funnels and request.camera is not None:
        cameras = cameras_of(connection)
        if request.camera not in cameras:
            there = f"there are: {', '.join(cameras)}" if cameras else "no sightings are kept"
            raise BadInputError(f"--camera {request.camera}: nothing is kept of it; {there}")
    return funnels
