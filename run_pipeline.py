"""Facestream's only entry point: hands the arguments to pipeline.commands, and turns errors into one line.

    python run_pipeline.py --help

Exit codes: 0 done, 1 the answer is no, 2 bad usage or bad input, 3 something outside failed or a defect,
130 interrupted, 129 and 143 ended by SIGHUP and SIGTERM, 141 the reader of standard output went away.
"""

from __future__ import annotations

import io
import os
import select
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from pipeline.commands.report import USAGE, Ended, explain, explain_at_length, log_line

PROGRAM = "run_pipeline.py"
READER_GONE = 141  # 128 + SIGPIPE, as a shell reports it


def main(argv: Sequence[str]) -> int:
    """Run one command and say what went wrong on standard error; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name may hold bytes that are no text, and a terminal may know no accents: neither is a reason
            # to fail while reporting.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = run(argv)
        sys.stdout.flush()
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the program's border: no traceback reaches a user
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return READER_GONE
        return report(error, debug="--debug" in argv, as_json="--log-json" in argv)
    return code


def run(argv: Sequence[str]) -> int:
    """Parse and run one command; the exit code it asks for. Raises what it raises."""
    import typer  # here, so that a missing package is one line like everything else

    from pipeline.commands.app import root_command

    try:
        command = root_command()
        with command.make_context(PROGRAM, list(argv)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def report(error: BaseException, debug: bool, as_json: bool = False) -> int:
    """Write the line, and with --debug the traceback before it, to standard error; the exit code.

    `as_json`: the line as one of the log's.
    """
    if type(error).__name__ == "NoArgsIsHelpError":  # typer asks for the help so, and does not export it
        sys.stderr.write(f"{error}\n")
        return USAGE
    line, code = explain(error, PROGRAM, debug)
    if debug and not as_json:
        sys.stderr.write(explain_at_length(error))
    sys.stderr.write(f"{log_line(line) if as_json else f'facestream: {line}'}\n")
    sys.stderr.flush()
    return code


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


def _fill_standard_streams() -> None:
    """Open the null device for each standard stream that we were started without (`>&-`).

    Else the next file to be opened, the gallery perhaps, would get its number and take in what is written there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))


def _unwind_on_signals() -> None:
    """Let a signal that ends the program end it as Ctrl-C does: with servers stopped and half files removed."""

    def end(number: int, _: FrameType | None) -> None:
        raise Ended(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup is to be obeyed
            signal.signal(number, end)


if __name__ == "__main__":
    _fill_standard_streams()
    _unwind_on_signals()
    sys.exit(main(sys.argv[1:]))
