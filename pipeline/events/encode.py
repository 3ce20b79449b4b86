"""An event as one line of JSON, and back.

The line is the contract of docs/events.md: keys in a fixed order, numbers that are not counts with exactly
four decimals, times in UTC with milliseconds. Equal events give equal bytes.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from pydantic import ValidationError

from pipeline.events.document import DECIMALS, EventDocument
from pipeline.events.event import IdentityEvent

_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")
"""what JSON allows in a string but ends a line for some readers or steers a terminal; json escapes the rest"""


class EventFormatError(ValueError):
    """A text that is no event of this version, or an event that may not be published. One line."""


def encode(event: IdentityEvent) -> str:
    """The event as one line without its line feed; raises EventFormatError where it breaks the contract."""
    try:
        document = EventDocument.of(event)
    except ValidationError as error:
        raise EventFormatError(f"{event.sighting_id}#{event.seq}: {_first(error)}") from None
    except ValueError as error:
        raise EventFormatError(f"{event.sighting_id}#{event.seq}: {error}") from None
    return _write(document.model_dump(by_alias=True))


def decode(text: str | bytes) -> IdentityEvent:
    """The event that `encode` wrote; raises EventFormatError for anything else, also for an unknown key."""
    try:
        raw = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)
        return EventDocument.model_validate(raw).event()
    except ValidationError as error:
        raise EventFormatError(f"not an event: {_first(error)}") from None
    except (ValueError, RecursionError) as error:
        raise EventFormatError(f"not an event: {error}") from None


def _write(value: object) -> str:
    """JSON with exactly DECIMALS decimals in every float, which json.dumps cannot be told to write."""
    match value:
        case float():
            return f"{value:.{DECIMALS}f}"
        case dict():
            return "{" + ", ".join(f"{_write(key)}: {_write(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_write, value)) + "]"
        case str():
            return _UNSAFE.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(value, ensure_ascii=False))
        case _:
            return json.dumps(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is given twice")
    return document


def _first(error: ValidationError) -> str:
    """The first thing wrong, as one line: where, what, and what was found there."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message}, got {problem['input']!r:.80}" if where else message
