"""Adding events to a stream: one call that numbers them, and adds none twice (add_events.lua)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import redis

from pipeline.events.delivery.stream_entry import StreamEntry

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
    refusal: redis.ResponseError | None
    """why the event after `last` was not added; None where all were"""
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
    """Add those of these events that are above the number that Redis remembers of the producer: all, or none, at once.

    `believed`: up to which number all is added, as far as the producer knows. `longest`: about how many entries the
    stream keeps. Raises redis.RedisError and OSError; whether anything was added is then not known, and asking again
    adds nothing twice. A server that has not the script is given it.
    """
    script = _script()
    given = _given(stream, producer, believed, longest, events)
    try:
        reply = client.evalsha(script.sha, 2, *given)
    except redis.exceptions.NoScriptError:
        reply = client.eval(script.text, 2, *given)
    return _added(reply)


def add_each(
    client: redis.Redis, stream: str, producer: str, believed: int, longest: int, events: Sequence[Numbered]
) -> Added:
    """As `add`, but event by event, so that others are served in between, in one exchange with the server.

    Each builds on the one before it: behind one that is refused none is added. The server must have the script.
    Raises redis.ConnectionError, redis.TimeoutError and OSError.
    """
    script = _script()
    with client.pipeline(transaction=False) as calls:
        for event in events:
            calls.evalsha(script.sha, 2, *_given(stream, producer, believed, longest, [event]))
            believed = event.number
        replies = calls.execute(raise_on_error=False)
    last, added, unheard = 0, 0, ""
    for reply in replies:
        if isinstance(reply, redis.ResponseError):
            return Added(last, added, reply, unheard, False)
        one = _added(reply)
        if one.forgotten or one.refusal is not None:
            return Added(one.last, added, one.refusal, unheard, one.forgotten)
        last, added, unheard = one.last, added + one.added, one.unheard or unheard
    return Added(last, added, None, unheard, False)


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


def _given(
    stream: str, producer: str, believed: int, longest: int, events: Sequence[Numbered]
) -> list[str | bytes | int]:
    """Keys and arguments of the script."""
    given: list[str | bytes | int] = [stream, numbers_key(stream), producer, believed, longest]
    for each in events:
        entry = each.entry
        given += (each.number, each.ordinal, len(entry.channels))
        given += (entry.event, entry.type, entry.camera, entry.identity, entry.watchlists, *entry.channels)
    return given


def _added(reply: object) -> Added:
    last, added, refused, unheard = cast("tuple[bytes, int, bytes, bytes]", reply)
    refusal = redis.ResponseError(_text(refused)) if refused else None
    return Added(int(last), max(added, 0), refusal, _text(unheard), added < 0)


def _text(said: bytes) -> str:
    return said.decode(errors="replace")
