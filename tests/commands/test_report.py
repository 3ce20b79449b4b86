"""Every error is one line with an exit code, and no secret is in it."""

from __future__ import annotations

import errno
import signal

import pytest
import typer

from config.errors import ConfigError
from engines.errors import EngineError, ModelFileError
from pipeline.commands.report import Ended, explain, explain_at_length
from pipeline.errors import BadInputError, BrokerError

PROGRAM = "run_pipeline.py"


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (BadInputError("a.jpg: no face; give another photo"), "a.jpg: no face; give another photo", 2),
        (BrokerError("redis://:pw@h: refused"), "redis://*****@h: refused", 3),
        (ConfigError("x: unknown key"), "x: unknown key", 2),
        (EngineError("two\n lines"), "two lines", 3),
        (ModelFileError("hash"), "hash", 2),
        (KeyboardInterrupt(), "interrupted", 130),
        (typer.Abort(), "interrupted", 130),
        (
            typer.BadParameter("not a number."),
            "Invalid value: not a number; see: python run_pipeline.py --help",
            2,
        ),
        (FileNotFoundError(2, "No such file or directory", "x.mp4"), "x.mp4: No such file or directory", 3),
        (PermissionError(13, "Permission denied", b"x\xff"), "x\\udcff: Permission denied", 3),
        (BadInputError("a\x1b[31m\nb\x07 \u202e.jpg: Ünï 😀"), "a\\x1b[31m b\\x07 \\u202e.jpg: Ünï 😀", 2),
        (Ended(signal.SIGTERM), "ended by SIGTERM", 143),
        (Ended(signal.SIGHUP), "ended by SIGHUP", 129),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "no space left on a disk; make room, or send the output elsewhere",
            3,
        ),
        (
            ModuleNotFoundError("No module named 'av'", name="av"),
            "av is not installed here; run: make install, then .venv/bin/python run_pipeline.py",
            3,
        ),
        (
            ModuleNotFoundError("No module named 'pipeline.x'", name="pipeline.x"),
            "pipeline.x is missing from this copy of Facestream; get it whole again",
            3,
        ),
        (MemoryError(), "out of memory; give fewer or smaller inputs at once", 3),
        (
            KeyError("rtsp://u:p@h"),
            "internal error: KeyError: 'rtsp://*****@h'; run again with --debug for the traceback",
            3,
        ),
        (
            ValueError("boxes\nmust"),
            "internal error: ValueError: boxes must; run again with --debug for the traceback",
            3,
        ),
    ],
)
def test_one_line_and_a_code(error: BaseException, line: str, code: int) -> None:
    assert explain(error, PROGRAM, debug=False) == (line, code)


def test_with_debug_nobody_is_told_to_use_debug() -> None:
    assert explain(ValueError("x"), PROGRAM, debug=True) == ("internal error: ValueError: x", 3)


def test_a_traceback_holds_no_secret() -> None:
    text = explain_at_length(ValueError("cannot open rtsp://ann:hunter2@cam/1"))
    assert "ValueError: cannot open rtsp://*****@cam/1" in text
