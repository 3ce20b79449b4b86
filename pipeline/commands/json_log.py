"""The log as JSON: one object a line, for programs that collect logs (`--log-json`)."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from config.secrets import mask
from pipeline.clock import utc_text

ABOUT = ("camera", "stage", "sighting_id")
"""what a record may be about: `log.warning("...", extra={"camera": camera})`"""
MAX_TEXT = 8_000
"""characters of a message; what comes from outside may be a page of it"""


class JsonLog(logging.Handler):
    """One JSON object a record on standard error, secrets masked.

    Keys: time (UTC, milliseconds), level, logger, message; camera, stage and sighting_id where the record says them;
    exception (the class and what it says) where it has one, and traceback with --debug. Only ASCII is written, so
    that nothing in a camera's or file's name can be taken for a line or a terminal's command.
    """

    def __init__(self, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, at once."""
        try:
            sys.stderr.write(self._line(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # nobody reads standard error any more
            self.handleError(record)

    def _line(self, record: logging.LogRecord) -> str:
        told: dict[str, str] = {
            "time": utc_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(_message(record)),
        }
        for key in ABOUT:
            if (value := getattr(record, key, None)) is not None:
                told[key] = _text(str(value))
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            told["exception"] = _text(f"{type(error).__name__}: {error}".removesuffix(": "))
            if self._tracebacks:
                told["traceback"] = mask("".join(traceback.format_exception(error)))
        return json.dumps(told)


def _message(record: logging.LogRecord) -> str:
    """The message; one whose values do not fit its text is told too, and as JSON like everything."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def _text(text: str) -> str:
    masked = mask(text)
    return masked if len(masked) <= MAX_TEXT else f"{masked[: MAX_TEXT - 3]}..."
