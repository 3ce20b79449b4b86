"""Commands set logging up for the whole process; tests of them leave it as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from pipeline.commands.context import ConsoleLog
from pipeline.commands.json_log import JsonLog

LOGGERS = ("", "pipeline", "engines", "config")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what set_up_logging does."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, ConsoleLog | JsonLog)]:
        root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
