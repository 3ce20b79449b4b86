"""`replay`: who is seen in recorded video, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    path_given,
    text_given,
)
from pipeline.errors import BadInputError

FIRST_YEAR, LAST_YEAR = 1800, 2999
"""of recordings: before there was a camera, and far from where times cannot be counted on"""

KeptOption = Annotated[
    bool | None,
    typer.Option(
        "--snapshots/--no-keep",
        help="Keep a picture of each sighting too, as snapshots.replay does; or publish events, and keep nothing.",
    ),
]


def replay(
    videos: Annotated[
        list[str], typer.Argument(metavar="VIDEO...", help="Files, each a camera: FILE or CAMERA=FILE.")
    ],
    realtime: Annotated[bool, typer.Option("--realtime", help="No faster than it was recorded.")] = False,
    start: Annotated[float | None, typer.Option(metavar="SECONDS", help="Begin here.")] = None,
    end: Annotated[float | None, typer.Option(metavar="SECONDS", help="Stop here.")] = None,
    start_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the recording began, as 2026-05-01T09:00:00Z.")
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="OUT.mp4", parser=path_given, help="Write the video with boxes and names."),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(metavar="OUT.json", parser=path_given, help="Write counts, speed and latency."),
    ] = None,
    redis: Annotated[
        str | None, typer.Option(metavar="URL", parser=text_given, help="Publish here instead of redis.url.")
    ] = None,
    snapshots: KeptOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say who is seen in recorded video, and when; publish the events to facestream:replay.

    Example: python run_pipeline.py replay door.mp4 yard=/video/cam2.mkv --annotate seen.mp4
    """
    from pipeline.commands.replaying import ReplayRequest, run_replay

    keys = [*(set_ or ()), *([f"redis.url={redis}"] if redis is not None else ())]
    keys += ["snapshots.replay=true"] if snapshots else []
    context = make_context(config, data, keys, json_, debug)
    request = ReplayRequest(
        videos=tuple(videos),
        realtime=realtime,
        start_s=start,
        end_s=end,
        started_at=None if start_time is None else parse_time(start_time),
        annotate=annotate,
        summary=summary,
        keep=snapshots is not False,
    )
    raise typer.Exit(run_replay(context, request))


def parse_time(text: str) -> datetime:
    """A moment in ISO 8601; without a zone it is UTC. Raises BadInputError."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInputError(f"--start-time {text}: not a time; write it as 2026-05-01T09:00:00Z") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadInputError(f"--start-time {text}: not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return moment
