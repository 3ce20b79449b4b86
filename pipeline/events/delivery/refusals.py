"""What Redis refuses, in one line: which of the things that an operator can repair it is."""

from __future__ import annotations

import re

import redis

_REPAIRS = {
    "OOM": "its memory is full: raise its maxmemory, or lower redis.max_events",
    "READONLY": "it is a replica: give redis.url the address of the primary",
    "MISCONF": "it cannot write its own disk: make room there",
    "NOREPLICAS": "too few of its replicas are there",
    "NOPERM": "its user may not: docs/redis.md has the rule that is needed",
    "NOAUTH": "it wants a password: put it into redis.url",
    "WRONGPASS": "correct the user and the password in redis.url",
    "WRONGTYPE": "the key of redis.stream, or the one with its numbers, holds something else: choose another name",
    "LOADING": "it is reading its data: wait",
    "MASTERDOWN": "it is a replica without its primary",
    "MOVED": "it is a node of a cluster: give redis.url the address of the node that has redis.stream",
    "CLUSTERDOWN": "its cluster is down",
    "NOSCRIPT": "its scripts were flushed: it is given ours again",
    "BUSY": "a script of another program runs in it without end: SCRIPT KILL ends it",
}
"""by the code that a reply begins with; none of them is about one event"""

_CLASSES: tuple[tuple[type[redis.RedisError], str], ...] = (
    (redis.exceptions.OutOfMemoryError, "OOM"),
    (redis.exceptions.ReadOnlyError, "READONLY"),
    (redis.exceptions.NoPermissionError, "NOPERM"),
    (redis.exceptions.BusyLoadingError, "LOADING"),
    (redis.exceptions.AuthenticationError, "WRONGPASS"),
    (redis.exceptions.NoScriptError, "NOSCRIPT"),
    (redis.exceptions.MovedError, "MOVED"),
    (redis.exceptions.AskError, "MOVED"),
    (redis.exceptions.ClusterDownError, "CLUSTERDOWN"),
    (redis.exceptions.MasterDownError, "MASTERDOWN"),
)
"""redis-py takes the code away where it has a class for it"""

_MAY_NOT = re.compile(r"user executing the script can't (?:run|access)")
"""how Redis 7 says NOPERM of a command within a script"""

_USER = re.compile(r"\bUser .+? has no permissions")


def refusal(error: BaseException) -> str:
    """Why, in one line, with what to do where that is known; without the name of the user, which may be a token."""
    said = _USER.sub("its user has no permissions", reason(error))
    code = code_of(error)
    return f"{said} ({_REPAIRS[code]})" if code else said


def code_of(error: BaseException) -> str:
    """The code of a refusal that is about the server and not about one event; empty for every other."""
    for kind, code in _CLASSES:
        if isinstance(error, kind):
            return code
    said = reason(error)
    if _MAY_NOT.search(said):
        return "NOPERM"
    first = said.partition(" ")[0]
    return first if first in _REPAIRS else ""


def reason(error: BaseException) -> str:
    """Why, in one line, and without the events in which redis-py wraps what the server said."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error).rpartition(" of pipeline caused error: ")[2]
    return " ".join(said.split()).rstrip(".") or type(error).__name__
