"""Runs the demo and writes what it printed as docs/demo.svg, for README: `make docs/demo.svg`."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 112


def main() -> int:
    """Returns the demo's exit code."""
    about, table, code = run_demo()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in ["$ make demo", *about, *table]:
        console.print(Text.from_ansi(line))
    console.save_svg(str(ROOT / "docs" / "demo.svg"), title="make demo")
    return code


def run_demo() -> tuple[list[str], list[str], int]:
    """What the demo says before its table, without the log; what it prints to a terminal; its exit code."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (50, WIDTH))
    command = [sys.executable, "run_pipeline.py", "demo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=its, stderr=subprocess.PIPE, text=True) as process:
        os.close(its)
        printed = b"".join(iter(lambda: read(ours), b""))
        assert process.stderr is not None
        told = [
            line for line in process.stderr.read().splitlines() if " INFO " not in line and "fps)" not in line
        ]
    os.close(ours)
    return told, printed.decode().splitlines(), process.returncode


def read(terminal: int) -> bytes:
    """The next bytes that were printed; none when the program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the last writer has gone
        return b""


if __name__ == "__main__":
    sys.exit(main())
