"""`status`: what a running monitor is doing, live in the terminal."""

from __future__ import annotations

import sys
import time
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
    write_out,
)
from pipeline.commands.report import Ended

if TYPE_CHECKING:
    from pipeline.commands.monitor_client import MonitorClient

EVERY_S = 1.0
"""a table that is drawn faster cannot be read"""


def status(
    once: Annotated[bool, typer.Option("--once", help="Print it once and end; so does a pipe.")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Print the address of the status page, with its token, and end.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what the running monitor does: its cameras, latency, events and stages, once a second until Ctrl-C.

    Exit code 3 where no monitor runs on the data folder, or it ends while it is watched.

    Example: python run_pipeline.py status --once
    """
    from pipeline.commands.monitor_client import need_monitor

    context = make_context(config, data, set_, json_, debug, make_data=False)
    with need_monitor(context.data) as monitor:
        if page:
            context.print(monitor.page)
        elif context.json:
            print_lines(context, monitor, once)
        elif once or not sys.stdout.isatty():
            from pipeline.commands.status_table import StatusView

            context.print(StatusView(monitor.status()))
        else:
            watch(monitor)


def print_lines(context: Context, monitor: MonitorClient, once: bool) -> None:
    """A JSON line, or one a second. Raises MonitorGoneError."""
    from pipeline.web.documents import status_to_json

    while True:
        write_out(status_to_json(monitor.status()).decode() + "\n")
        if once:
            return
        time.sleep(EVERY_S)


def watch(monitor: MonitorClient) -> None:
    """Draw the status once a second until Ctrl-C. Raises MonitorGoneError."""
    from rich.console import Console
    from rich.live import Live

    from pipeline.commands.status_table import StatusView

    console = Console(markup=False, highlight=False, emoji=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        try:
            while True:
                live.update(StatusView(monitor.status()), refresh=True)
                time.sleep(EVERY_S)
        except Ended:
            raise
        except KeyboardInterrupt:
            return
