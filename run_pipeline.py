"""Facestream's only entry point: hands the arguments to pipeline.commands, and turns errors into one line.

    python run_pipeline.py --help

Exit codes: 0 done, 1 the answer is no, 2 bad usage or bad input, 3 something outside failed or a defect,
130 interrupted, 141 the reader of standard output went away.
"""

from __future__ import annotations

import io
import os
import select
import sys
import traceback
from collections.abc import Sequence

PROGRAM = "run_pipeline.py"
INTERRUPTED = 130
READER_GONE = 141  # 128 + SIGPIPE, as a shell reports it


def main(argv: Sequence[str]) -> int:
    """Run one command; the exit code. Never raises but SystemExit; says what went wrong on standard error."""
    debug = "--debug" in argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name may hold bytes that are no text, and a terminal may know no accents: neither is a reason
            # to fail while reporting.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the border of the program: no traceback reaches a user
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return READER_GONE
        if (
            type(error).__name__ == "NoArgsIsHelpError"
        ):  # typer's way to ask for the help, which it does not export
            sys.stderr.write(f"{error}\n")
            return 2
        if debug:
            _say_traceback(error)
        return _say(*_explain(error, debug))


def _run(argv: Sequence[str]) -> int:
    """Parse and run; what typer's own `main` does without turning errors into its own words."""
    import typer

    from pipeline.commands.app import root_command

    try:
        command = root_command()
        with command.make_context(PROGRAM, list(argv)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _explain(error: Exception, debug: bool) -> tuple[str, int]:
    """One line for the user and the exit code."""
    import typer

    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else PROGRAM
        return f"{error.format_message().rstrip('.')}; see: python {path} --help", 2
    if isinstance(error, typer.Abort):
        return "interrupted", INTERRUPTED
    if isinstance(code := getattr(error, "exit_code", None), int):
        return str(error), code
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed; run: make install", 3
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}", 3
    if isinstance(error, MemoryError):
        return "out of memory; give fewer or smaller inputs at once", 3
    hint = "" if debug else "; run again with --debug for the traceback"
    return f"internal error: {type(error).__name__}: {error}{hint}", 3


def _say(message: str, code: int) -> int:
    """Write one line to standard error, secrets masked."""
    from config.secrets import mask

    sys.stderr.write(f"facestream: {mask(' '.join(message.split()))}\n")
    sys.stderr.flush()
    return code


def _say_traceback(error: Exception) -> None:
    from config.secrets import mask

    sys.stderr.write(mask("".join(traceback.format_exception(error))))


def _reader_is_gone() -> bool:
    """Whether standard output is a pipe that nobody reads any more (`... | head -1`); then stop writing to it."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        # The interpreter flushes once more at exit and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return gone


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
