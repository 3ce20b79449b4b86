"""An append-only file whose end was lost in a power loss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.torn_file import breaks_off, mend_torn_file
from tests.redis_process import DURABLE, RedisProcess, executable

TRANSACTION = (
    b"*1\r\n$5\r\nMULTI\r\n"
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$12\r\n1\r\n2*$3\r\n\r\n4\r\n"
    b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n"
)


@given(st.integers(0, len(TRANSACTION)))
def test_a_transaction_breaks_off_anywhere(length: int) -> None:
    assert breaks_off(TRANSACTION[:length])


@given(st.integers(0, len(TRANSACTION) - 1), st.binary(min_size=12, max_size=12))
def test_rubbish_in_it_does_not_only_break_off(length: int, rubbish: bytes) -> None:
    assert not breaks_off(TRANSACTION + b"x" + rubbish)
    assert not breaks_off(b"x" + TRANSACTION[:length])


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["embedded", "system"])
def test_a_torn_transaction_is_cut_off_and_nothing_else(tmp_path: Path, kind: str) -> None:
    server = RedisProcess(tmp_path, executable(kind), {**DURABLE, "appendfsync": "always"})
    server.start()
    with server.client() as client:
        for value in "ab":
            with client.pipeline(transaction=True) as both:
                both.set("one", value).set("two", value).execute()
    server.kill()
    file = server.append_only_file()
    size = file.stat().st_size
    assert mend_torn_file(tmp_path, server.executable) == 0
    os.truncate(file, size - 20)
    assert mend_torn_file(tmp_path, server.executable) > 20
    assert mend_torn_file(tmp_path, server.executable) == 0
    for _ in range(2):
        server.start()
        with server.client() as client:
            assert client.mget("one", "two") == [b"a", b"a"]
        server.kill()


@pytest.mark.redis
def test_what_is_damaged_otherwise_is_left_to_redis(tmp_path: Path) -> None:
    server = executable("embedded")
    assert mend_torn_file(tmp_path, server) == 0
    (tmp_path / "appendonly.aof").write_bytes(b"rubbish\n" * 10)
    assert mend_torn_file(tmp_path, server) == 0
    (tmp_path / "appendonly.aof").write_bytes(TRANSACTION[:17] + b"rubbish\n" * 10)
    assert mend_torn_file(tmp_path, server) == 0


@pytest.mark.redis
def test_our_own_server_mends_its_file_when_it_starts_after_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    (folder / "server.pid").write_text("1\n")
    (folder / "appendonly.aof").write_bytes(TRANSACTION)
    with EmbeddedRedis(tmp_path):
        assert (folder / "appendonly.aof").stat().st_size == 0
