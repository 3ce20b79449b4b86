"""`cameras`: which cameras are watched; in the file, and in the monitor that runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
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
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from config.cameras import Camera
    from pipeline.web.monitored import MonitorStatus

cameras = typer.Typer(
    name="cameras",
    help="The cameras that are watched: list, show, add, remove, pause, resume.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: python run_pipeline.py cameras add front-door rtsp://10.0.0.5/stream1",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", parser=text_given, help="Id of the camera.")]
PolygonOption = Annotated[
    list[str] | None,
    typer.Option(metavar="POLYGON", help='As "0.1,0.2 0.9,0.2 0.5,1", fractions of the picture; repeatable.'),
]


@dataclass(frozen=True, slots=True)
class Opened:
    """What these commands work with."""

    context: Context
    path: Path
    """of the cameras file; may not exist yet"""

    def load(self) -> tuple[Camera, ...]:
        """The cameras of the file, none where there is none. Raises ConfigError."""
        from config.cameras import load_cameras

        return self._warned(load_cameras(self.path) if self.path.exists() else ())

    def change(self, change: Callable[[str, str], str]) -> tuple[Camera, ...]:
        """Change the file, and give its cameras. Raises ConfigError, BadInputError, OutsideError."""
        from pipeline.commands.cameras_file import edit_cameras

        return self._warned(edit_cameras(self.path, change))

    def _warned(self, cameras: tuple[Camera, ...]) -> tuple[Camera, ...]:
        """The cameras, and a word where others may read their passwords."""
        from config.cameras import exposed

        if (words := exposed(self.path, cameras)) is not None:
            self.context.say(words)
        return cameras


@cameras.command("list")
def list_cameras(
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List all cameras: what the file says and, where a monitor runs, how each is.

    Example: python run_pipeline.py cameras list --json
    """
    from config.errors import ConfigError
    from pipeline.commands.cameras_output import document, listed, table_of

    its = opened(make_context(config, data, set_, json_, debug, make_data=False))
    status = status_of(its.context)
    broken: ConfigError | None = None
    try:
        in_file = its.load()
    except ConfigError as error:
        if status is None:
            raise
        in_file, broken = (), error  # the monitor goes on with the cameras that it has
    found = listed(in_file, status)
    if its.context.json:
        for one in found:
            its.context.print_json(document(one))
    else:
        its.context.print(table_of(found) if found else "there is no camera; see 'cameras add --help'")
    if broken is not None:
        raise broken


@cameras.command()
def show(
    id_: IdArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show all that is known of a camera; its password is not.

    Example: python run_pipeline.py cameras show front-door
    """
    from pipeline.commands.cameras_output import document, keys_of, listed

    its = opened(make_context(config, data, set_, json_, debug, make_data=False))
    found = listed(its.load(), status_of(its.context))
    one = next((each for each in found if each.id == id_), None)
    if one is None:
        known = ", ".join(each.id for each in found)
        raise BadInputError(
            f"camera {id_!r}: there is none; " + (f"there are {known}" if known else "see add")
        )
    if its.context.json:
        its.context.print_json(document(one))
    else:
        its.context.print(keys_of(one))


@cameras.command()
def add(
    id_: IdArgument,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            parser=text_given,
            help="rtsp(s)://, http(s)://, /dev/videoN or a file; - reads it from standard input, so that its "
            "password is in no history or process list.",
        ),
    ],
    transport: Annotated[str | None, typer.Option(help="Of RTSP: auto, tcp or udp.")] = None,
    rotate: Annotated[
        int | None, typer.Option(metavar="DEGREES", help="Clockwise, until faces are upright: 90, 180, 270.")
    ] = None,
    min_face_px: Annotated[int | None, typer.Option(help="Smallest face, shorter side.")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Looks a second.")] = None,
    watchlist: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST", parser=text_given, help="Search only people of this list; repeatable."),
    ] = None,
    region: PolygonOption = None,
    mask: PolygonOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add a camera to the file, and to the monitor where one runs; then say whether it streams.

    Example: python run_pipeline.py cameras add front-door rtsp://10.0.0.5/stream1 --min-face-px 60
    """
    from config.cameras_text import with_camera
    from pipeline.commands.cameras_given import (
        address_from_input,
        check_can_work,
        polygons,
        warn_of_unknown,
    )
    from pipeline.commands.cameras_told import answers

    given: dict[str, object] = {
        "id": id_,
        "url": address_from_input() if url == "-" else url,
        "transport": transport,
        "rotate": rotate,
        "region": polygons("--region", region),
        "mask": polygons("--mask", mask),
        "min_face_px": min_face_px,
        "rate_hz": rate_hz,
        "watchlists": list(dict.fromkeys(watchlist or ())) or None,
    }
    keys = {key: value for key, value in given.items() if value is not None}
    its = opened(make_context(config, data, set_, json_, debug))
    check_can_work(str(given["url"]))
    found = its.change(lambda text, name: with_camera(text, name, keys))
    warn_of_unknown(its.context, watchlist or ())
    tell(its, found, id_, answers(id_))


@cameras.command()
def remove(
    id_: IdArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take a camera out of the file, and out of the monitor where one runs; its sightings stay.

    Example: python run_pipeline.py cameras remove front-door
    """
    from config.cameras_text import without_camera
    from pipeline.commands.cameras_told import is_gone, tell_monitor

    its = opened(make_context(config, data, set_, json_, debug))
    its.change(partial(without_camera, id_=id_))
    status = tell_monitor(its.context.data, is_gone(id_))
    still = status is not None and any(camera.id == id_ for camera in status.cameras)
    if its.context.json:
        its.context.print_json({"id": id_, "removed": True, "watched": still})
    else:
        end = (
            "; the running monitor still has it: from its command line, or from another file" if still else ""
        )
        its.context.print(f"{id_}: removed{end}")


@cameras.command()
def pause(
    id_: IdArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Stop watching a camera until it is resumed; it stays in the file. Others are not disturbed.

    Example: python run_pipeline.py cameras pause front-door
    """
    from pipeline.commands.cameras_told import is_paused

    enable(opened(make_context(config, data, set_, json_, debug)), id_, False, is_paused(id_))


@cameras.command()
def resume(
    id_: IdArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Watch a paused camera again.

    Example: python run_pipeline.py cameras resume front-door
    """
    from pipeline.commands.cameras_told import answers

    enable(opened(make_context(config, data, set_, json_, debug)), id_, True, answers(id_))


def enable(its: Opened, id_: str, wanted: bool, settled: Callable[[MonitorStatus], bool]) -> None:
    """Write whether a camera is watched, and say what became of it."""
    from config.cameras_text import with_key

    found = its.change(partial(with_key, id_=id_, key="enabled", value=wanted))
    tell(its, found, id_, settled)


def tell(
    its: Opened, cameras: tuple[Camera, ...], id_: str, settled: Callable[[MonitorStatus], bool]
) -> None:
    """Have a running monitor take the change, and print how the camera then is."""
    from pipeline.commands.cameras_output import document, listed, sentence
    from pipeline.commands.cameras_told import tell_monitor

    status = tell_monitor(its.context.data, settled)
    one = next(each for each in listed(cameras, status) if each.id == id_)
    if its.context.json:
        its.context.print_json(document(one))
    else:
        its.context.print(sentence(one))
    if status is None:
        its.context.say(f"no monitor runs on {its.context.data}; the next one reads the file")
    elif one.live is None:
        its.context.say(f"the running monitor does not watch {its.path}; was it given another cameras.file?")


def opened(context: Context) -> Opened:
    """The context, and where its cameras file is."""
    from config.cameras import cameras_path

    return Opened(context, cameras_path(context.config.cameras.file, context.data))


def status_of(context: Context) -> MonitorStatus | None:
    """What the running monitor says; None where none runs."""
    from pipeline.commands.monitor_client import running_monitor

    client = running_monitor(context.data)
    if client is None:
        return None
    with client:
        return client.status()
