"""What Redis refuses, with what to do about it, and without names."""

from __future__ import annotations

import pytest
import redis

from pipeline.events.delivery.refusals import code_of, reason, refusal


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
            "OOM",
            "raise its maxmemory",
        ),
        (redis.ResponseError("OOM command not allowed"), "OOM", "lower redis.max_events"),
        (
            redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
            "READONLY",
            "primary",
        ),
        (
            redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            "MISCONF",
            "make room",
        ),
        (redis.ResponseError("WRONGTYPE Operation against a key"), "WRONGTYPE", "choose another name"),
        (
            redis.AuthenticationError("invalid username-password pair or user is disabled."),
            "WRONGPASS",
            "password in redis.url",
        ),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "LOADING", "wait"),
        (redis.exceptions.MovedError("3999 127.0.0.1:6381"), "MOVED", "node of a cluster"),
        (redis.exceptions.ClusterDownError("The cluster is down"), "CLUSTERDOWN", "its cluster is down"),
        (
            redis.ResponseError("ERR The user executing the script can't run this command or subcommand"),
            "NOPERM",
            "docs/redis.md",
        ),
        (redis.ResponseError("ERR something"), "", "ERR something"),
        (redis.ConnectionError("Connection closed by server."), "", "Connection closed by server"),
        (ConnectionRefusedError(111, "Connection refused"), "", "Connection refused"),
    ],
)
def test_each_is_one_line_with_its_repair(error: Exception, code: str, says: str) -> None:
    assert code_of(error) == code
    assert says in refusal(error)
    assert "\n" not in refusal(error)


def test_the_user_is_not_named() -> None:
    error = redis.exceptions.NoPermissionError("User t0ken has no permissions to run the 'evalsha' command")
    assert "t0ken" not in refusal(error)
    assert "docs/redis.md" in refusal(error)


def test_reasons_are_one_line() -> None:
    assert reason(FileNotFoundError(2, "No such file or directory")) == "No such file or directory"
    assert reason(redis.ResponseError("OOM\n command not allowed.")) == "OOM command not allowed"
    assert reason(redis.TimeoutError()) == "TimeoutError"
