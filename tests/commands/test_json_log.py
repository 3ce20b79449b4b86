"""`--log-json`: one object a line, whatever is logged."""

from __future__ import annotations

import json
import logging
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.commands.context import make_context, set_up_logging
from pipeline.commands.json_log import JsonLog


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("pipeline.somewhere")


def started(debug: bool = False) -> None:
    set_up_logging(Console(stderr=True), debug, as_json=True)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.isascii()
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    started()
    log.warning("stalled for %.1f s", 5.0, extra={"camera": "door", "stage": "capture"})
    (told,) = lines(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "warning",
        "logger": "pipeline.somewhere",
        "message": "stalled for 5.0 s",
        "camera": "door",
        "stage": "capture",
    }


def test_secrets_and_hostile_texts(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    started()
    log.warning(
        'rtsp://ann:geheim@h/1 \n{"level": "x"} \x1b[2J \x9b31m \u2028 \udc80', extra={"camera": "a\nb"}
    )
    (told,) = lines(capsys)
    assert "geheim" not in json.dumps(told)
    assert told["message"].startswith('rtsp://*****@h/1 \n{"level": "x"} \x1b[2J')
    assert told["camera"] == "a\nb"
    log.warning("x" * 100_000)
    assert len(lines(capsys)[0]["message"]) == 8000


@pytest.mark.parametrize("debug", [False, True])
def test_exceptions(log: logging.Logger, capsys: pytest.CaptureFixture[str], debug: bool) -> None:
    started(debug)
    try:
        raise ValueError("rtsp://ann:geheim@h")
    except ValueError:
        log.exception("it failed")
    (told,) = lines(capsys)
    assert told["exception"] == "ValueError: rtsp://*****@h"
    assert ("traceback" in told) == debug
    assert "geheim" not in json.dumps(told)


def test_warnings_and_levels(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    started()
    log.debug("no")
    log.info("yes")
    logging.getLogger("elsewhere").info("no")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    assert [(each["level"], each["logger"]) for each in lines(capsys)] == [
        ("info", "pipeline.somewhere"),
        ("warning", "py.warnings"),
    ]


def test_a_record_that_is_wrong_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLog(tracebacks=False).emit(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    assert lines(capsys)[0]["message"] == "%d ('no number',)"


def test_all_that_a_command_says_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = make_context(None, tmp_path, None, False, False, log_json=True)
    context.say("rtsp://ann:geheim@h/1 is gone\n")
    with context.progress() as bars:
        bars.add_task("watching")
    (told,) = lines(capsys)
    assert told["message"] == "rtsp://*****@h/1 is gone\n"
    assert told["level"] == "info"


def test_without_it_the_log_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started()
    make_context(None, tmp_path, None, False, False).say("hello")
    logging.getLogger("pipeline.x").info("there")
    first, second = capsys.readouterr().err.splitlines()
    assert first == "hello"
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    pipeline.x: there", second)
