"""What a user reads when a command ends in an error: one line, and an exit code.

Imports nothing that may be missing, since a missing package is one of the errors.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import traceback
from datetime import UTC, datetime

from config.secrets import mask
from pipeline.clock import utc_text

USAGE, OUTSIDE = 2, 3
INTERRUPTED = 130
OURS = ("pipeline", "engines", "config", "benchmarks")


class Ended(KeyboardInterrupt):
    """A signal other than Ctrl-C's asked the program to end; like that, it lets go of everything on its way out."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def explain(error: BaseException, program: str, debug: bool) -> tuple[str, int]:
    """The line, as `one_line` makes it, and the exit code.

    An error with an `exit_code` of its own is one that was foreseen: its message is the line.
    """
    message, code = _explain(error, program, debug)
    return one_line(message), code


def one_line(text: str) -> str:
    """`text` on one line, with secrets masked and without characters that a terminal obeys.

    A file's name may hold line ends, escape sequences and bytes that are no text: they are shown as \\x1b.
    """
    return visible(mask(" ".join(text.split())))


def visible(text: str) -> str:
    """`text` with what cannot be printed, line ends too, as it is written in Python."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _explain(error: BaseException, program: str, debug: bool) -> tuple[str, int]:
    if isinstance(error, Ended):
        return f"ended by {signal.Signals(error.number).name}", 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, ModuleNotFoundError):
        if str(error.name).split(".")[0] in OURS:
            return f"{error.name} is missing from this copy of Facestream; get it whole again", OUTSIDE
        return (
            f"{error.name} is not installed here; run: make install, then .venv/bin/python {program}",
            OUTSIDE,
        )
    import typer

    if isinstance(error, typer.Abort):
        return "interrupted", INTERRUPTED
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else program
        return f"{error.format_message().rstrip('.')}; see: python {path} --help", USAGE
    if isinstance(code := getattr(error, "exit_code", None), int):
        return str(error), code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}", OUTSIDE
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on a disk; make room, or send the output elsewhere", OUTSIDE
    if isinstance(error, MemoryError):
        return "out of memory; give fewer or smaller inputs at once", OUTSIDE
    hint = "" if debug else "; run again with --debug for the traceback"
    return f"internal error: {type(error).__name__}: {error}{hint}", OUTSIDE


def explain_at_length(error: BaseException) -> str:
    """The traceback, secrets masked."""
    return mask("".join(traceback.format_exception(error)))


def log_line(line: str) -> str:
    """The line about an error as `--log-json` has all others."""
    now = utc_text(datetime.now(UTC))
    return json.dumps({"time": now, "level": "error", "logger": "facestream", "message": line})
