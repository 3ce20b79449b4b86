"""What every command starts with: the options they share, the configuration, the folders, and where to write."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from config.load import load
from config.schema import AUTO_MODEL, Config
from config.secrets import mask
from pipeline.commands.json_log import JsonLog
from pipeline.commands.narrow_table import fitted
from pipeline.commands.report import one_line, visible
from pipeline.commands.serving_model import with_serving
from pipeline.errors import OutsideError


def path_given(text: str) -> Path:
    """A path that was given. `--data "$UNSET"` is a mistake, and no way to write "here"."""
    if not text:
        raise typer.BadParameter("is empty")
    return Path(text)


def text_given(text: str) -> str:
    """A name or address that was given. Unlike a path's, its bytes must be text."""
    if not text:
        raise typer.BadParameter("is empty")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise typer.BadParameter(f"{text!a} is not UTF-8")
    return text


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", parser=path_given, help="YAML file; keys: config/default.yaml."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        parser=path_given,
        help="Folder of all written data. [FACESTREAM__DATA, or data]",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON Lines on standard output.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Detailed log, and tracebacks.")]
LogJsonOption = Annotated[bool, typer.Option("--log-json", help="The log as JSON, one object a line.")]

log = logging.getLogger(__name__)

PIPE_COLUMNS = 160  # a table in a pipe or file has no terminal to fit


@dataclass(frozen=True, slots=True)
class Context:
    """The plain values a command works with. Results go to standard output, everything else to standard error."""

    config: Config
    """`embedding.model` is the one that serves, and never `auto`, where make_context made it"""
    data: Path
    """folder of everything written at run time; exists"""
    models: Path
    """folder of model files; may not exist yet"""
    json: bool
    console: Console
    """writes to standard error; markup is off, since names and paths may hold brackets"""
    log_json: bool = False
    """standard error is JSON, line for line"""
    auto_model: bool = False
    """embedding.model was not given: the gallery says which serves, and may say another while a run goes on"""
    model_doubt: str | None = None
    """why the gallery could not be asked, which whoever loads the models tells"""

    def say(self, text: str) -> None:
        """One line to standard error, whatever names it holds."""
        if self.log_json:
            log.info("%s", text)
        else:
            self.console.print(one_line(text))

    def print_json(self, value: Mapping[str, object]) -> None:
        """One JSON line to standard output, at once."""
        write_out(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")

    def print(self, *renderables: RenderableType) -> None:
        """A result for people, to standard output; not together with --json. Markup in texts is printed as it is."""
        console = Console(markup=False, highlight=False, emoji=False)
        if not console.is_terminal:
            console.width = PIPE_COLUMNS
        with console.capture() as capture:
            console.print(
                *(fitted(each, console) if isinstance(each, Table) else each for each in renderables)
            )
        write_out(capture.get())

    def progress(self) -> Progress:
        """Progress bars on standard error; nothing where that is no terminal."""
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=self.log_json or not self.console.is_terminal,
            transient=True,
            # rich would send standard output to its own console, which is standard error
            redirect_stdout=sys.stdout.isatty(),
        )


def make_context(
    config: Path | None,
    data: Path | None,
    set_: list[str] | None,
    json_: bool,
    debug: bool,
    *,
    make_data: bool = True,
    log_json: bool = False,
) -> Context:
    """Load the configuration, set up logging and make the data folder (unless `make_data` is False).

    With `log_json` all that is written to standard error is JSON, one object a line.

    Raises ConfigError, and OutsideError where the data folder cannot be made.
    """
    console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
    set_up_logging(console, debug, log_json)
    loaded = load(config, os.environ, set_ or ())
    folder = data or Path(os.environ.get("FACESTREAM__DATA") or "data")
    if make_data:
        make_folder(folder)
    settled = with_serving(loaded, folder)
    return Context(
        config=settled.config,
        data=folder,
        models=models_folder(),
        json=json_,
        console=console,
        log_json=log_json,
        auto_model=loaded.embedding.model == AUTO_MODEL,
        model_doubt=settled.doubt,
    )


def write_out(text: str) -> None:
    """Results to standard output, at once.

    Through sys.stdout as it is now, which a progress bar redirects so that it stays below what is printed. Raises
    BrokenPipeError where nobody reads any more, OutsideError where it cannot be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutsideError(
            f"standard output cannot be written ({error.strerror}); make room, or send it elsewhere"
        ) from error


def models_folder() -> Path:
    """Where model files are kept: FACESTREAM_MODELS, or models/ here. It may not exist yet."""
    return Path(os.environ.get("FACESTREAM_MODELS") or "models")


def make_folder(folder: Path) -> None:
    """Make the data folder where it is missing. Raises OutsideError with the way out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutsideError(
            f"data folder {folder} cannot be made: {error.strerror}; name another with --data"
        ) from error


class ConsoleLog(logging.Handler):
    """One readable line a record, secrets masked, written beside progress bars and not through them."""

    def __init__(self, console: Console, tracebacks: bool) -> None:
        super().__init__()
        self._console = console
        self._tracebacks = tracebacks
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; a traceback only with --debug."""
        if not self._tracebacks and record.exc_info:
            record = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        text = self.format(record)
        text = mask(text) if self._tracebacks else visible(mask(" ".join(text.splitlines())))
        try:
            self._console.print(text, soft_wrap=True)
        except (OSError, ValueError):
            self.handleError(record)


def set_up_logging(console: Console, debug: bool, as_json: bool = False) -> None:
    """Log to standard error: warnings and what is said once at start, or everything with --debug."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, ConsoleLog | JsonLog)]:
        root.removeHandler(handler)
    root.addHandler(JsonLog(tracebacks=debug) if as_json else ConsoleLog(console, tracebacks=debug))
    root.setLevel(logging.WARNING)
    for ours in ("pipeline", "engines", "config"):
        logging.getLogger(ours).setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(True)
