"""`monitor`: watch cameras until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    DataOption,
    DebugOption,
    JsonOption,
    LogJsonOption,
    SetOption,
    make_context,
    path_given,
    text_given,
)


def monitor(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE...]",
            help="Cameras besides those of the cameras file, for this run: ADDRESS or NAME=ADDRESS.",
        ),
    ] = None,
    cameras: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=path_given, help="Cameras file instead of cameras.file."),
    ] = None,
    redis: Annotated[
        str | None, typer.Option(metavar="URL", parser=text_given, help="Publish here instead of redis.url.")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", parser=text_given, help="Serve HTTP here instead of at http.listen."
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    log_json: LogJsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Watch cameras until SIGTERM or Ctrl-C, and publish who is seen to facestream:events.

    Cameras are those of the cameras file, which is watched: edit it, or use the command cameras. A file that is named
    as a source is played again and again, as if it were a camera.

    Example: python run_pipeline.py monitor door=rtsp://user:password@10.0.0.5/stream1
    """
    from pipeline.commands.monitoring import MonitorRequest, run_monitor

    keys = list(set_ or ())
    keys += [f"redis.url={redis}"] if redis is not None else []
    keys += [f"http.listen={listen}"] if listen is not None else []
    keys += [f"cameras.file={cameras}"] if cameras is not None else []
    context = make_context(config, data, keys, json_, debug, log_json=log_json)
    code = run_monitor(context, MonitorRequest(tuple(sources or ())))
    raise typer.Exit(code)
