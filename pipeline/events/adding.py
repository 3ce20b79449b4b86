"""Adding events to a stream: one call that numbers them, and adds none twice (add_events.lua)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import redis

from pipeline.events.stream_entry import StreamEntry

SCRIPT = Path(__file__).with_name("add_events.lua")

NOBODY = ""
"""the producer of what may be added again, as a replay that is run again is"""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its place among all that its producer makes."""

    number: int
    """above those of all before it"""
    ordinal: int
    """one more than that of the one before it, also of those that had to be dropped"""
    entry: StreamEntry


@dataclass(frozen=True, slots=True)
class Added:
    """What Redis says of a batch."""

    last: int
    """number of the last event of this producer that the stream has or had; 0 for none"""
    added: int
    refused: str
    """why the event after `last` was not added, in Redis' words; empty where all were"""
    unheard: str
    """why a copy was not published; empty where all were"""
    forgotten: bool
    """Redis has not all that was believed to be added, and nothing was done: go on after `last`"""


def numbers_key(stream: str) -> str:
    """Where the stream's numbers are kept: in the stream's own slot, so that a cluster takes both keys in one call.

    >>> numbers_key("facestream:events")
    '{facestream:events}:numbers'
    """
    return f"{stream}:numbers" if "{" in stream else f"{{{stream}}}:numbers"


def add(
    client: redis.Redis, stream: str, producer: str, believed: int, longest: int, events: Sequence[Numbered]
) -> Added:
    """Add those of these events that are above the number that Redis remembers of the producer.

    `believed`: up to which number all is added, as far as the producer knows. `longest`: about how many entries the
    stream keeps. Raises redis.RedisError and OSError; whether anything was added is then not known, and asking again
    adds nothing twice.
    """
    script = _script()
    given = (stream, numbers_key(stream), producer, believed, longest, *_arguments(events))
    try:
        reply = client.evalsha(script.sha, 2, *given)
    except redis.exceptions.NoScriptError:
        reply = client.eval(script.text, 2, *given)
    last, added, refused, unheard = cast("tuple[bytes, int, bytes, bytes]", tuple(cast("Any", reply)))
    return Added(int(last), max(added, 0), _text(refused), _text(unheard), added < 0)


def remembered(client: redis.Redis, stream: str, producer: str) -> int:
    """The number of the producer's last event that the stream has or had; 0 for none. Raises redis.RedisError."""
    kept = cast("bytes | None", client.hget(numbers_key(stream), producer))
    return 0 if kept is None else int(kept.split()[0])


@dataclass(frozen=True, slots=True)
class _Script:
    text: str
    sha: str


@cache
def _script() -> _Script:
    text = SCRIPT.read_text("utf-8")
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _arguments(events: Sequence[Numbered]) -> list[bytes | int]:
    given: list[bytes | int] = []
    for each in events:
        entry = each.entry
        given += (each.number, each.ordinal, len(entry.channels))
        given += (entry.event, entry.type, entry.camera, entry.identity, entry.watchlists, *entry.channels)
    return given


def _text(said: bytes) -> str:
    return said.decode(errors="replace")
