"""Which Redis is used, and what is said about one that does not answer."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from pipeline.errors import BadInputError, BrokerError
from pipeline.events.delivery.broker import RemoteRedis, choose_broker, connect
from pipeline.events.delivery.redis_server import EmbeddedRedis
from tests.events.delivery.test_redis_server import is_running


def test_an_address_is_used_and_none_means_our_own(tmp_path: Path) -> None:
    remote = choose_broker("redis://ann:secret@far", "redis://*****@far", tmp_path)
    assert isinstance(remote, RemoteRedis)
    assert remote.open() == "redis://ann:secret@far"
    assert remote.shown == "redis://*****@far"
    remote.close()
    own = choose_broker(None, "", tmp_path)
    assert isinstance(own, EmbeddedRedis)
    assert own.shown == str(tmp_path / "redis")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.redis
def test_a_client_answers_in_bytes_and_sends_nothing_twice(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as broker, connect(broker.open(), broker.shown) as client:
        client.set("name", "Zoë")
        assert client.get("name") == "Zoë".encode()
        assert client.get_retry().get_retries() == 0
    assert not is_running(tmp_path)


@pytest.mark.parametrize(
    "address",
    ["http://far", "far:6379", "", "redis://far:port", "redis://far/0?no_such_option=1"],
)
def test_what_is_no_address_is_bad_input(address: str) -> None:
    with pytest.raises(BadInputError, match=r"redis\.url: SHOWN is no address of a Redis") as error:
        connect(address, "SHOWN")
    assert "\n" not in str(error.value)


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        BrokerError, match=r"Redis at SHOWN cannot be reached: .*; start it, or correct redis\.url"
    ) as error:
        connect(f"unix://{tmp_path}/nobody.sock", "SHOWN")
    assert "\n" not in str(error.value)


def test_another_program_there_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        # it takes the connection and hangs up: the backlog answers, the close ends it
        with pytest.raises(BrokerError, match="cannot be reached"):
            hang_up_on(server, f"redis://127.0.0.1:{port}")


def hang_up_on(server: socket.socket, address: str) -> None:
    """Connect to a program that says something that is not Redis, and hangs up."""

    def answer() -> None:
        taken, _ = server.accept()
        with taken:
            taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        connect(address, "SHOWN")
    finally:
        thread.join()
