"""Redis as operators run it: with a password, with a user who may do little, with TLS, on a socket; and what is said
where one of them is wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis
import trustme

from config.secrets import mask
from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import RemoteRedis, connect
from pipeline.events.delivery.group import GroupReader
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.delivery.stream import LastIdReader, StreamReader, parse_since
from pipeline.events.delivery.subscribe import Subscription
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spool_state import SpoolState
from pipeline.events.spool.spooled_sink import SpooledSink
from tests.events.strategies import an_event
from tests.faults.servers import free_port
from tests.redis_process import RedisProcess, system_redis

pytestmark = pytest.mark.redis
DOCS = Path(__file__).parents[2] / "docs" / "redis.md"
STREAM, REPLAYS = "facestream:events", "facestream:replay"
EVENTS = [replace(an_event(number=number), mode=Mode.LIVE) for number in range(5)]
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """A server, and an address to use it by."""

    server: RedisProcess
    url: str


Opens = Callable[..., Access]


@pytest.fixture
def authority() -> trustme.CA:
    """Who signs the server's certificate."""
    return trustme.CA()


@pytest.fixture
def opens(tmp_path: Path, authority: trustme.CA) -> Iterator[Opens]:
    """Starts a server of a kind; it is gone when the test ends."""
    made: list[RedisProcess] = []

    def start(kind: str) -> Access:
        access = an_access(kind, tmp_path / "redis", authority)
        made.append(access.server)
        access.server.start()
        return access

    yield start
    for server in made:
        server.stop()


def an_access(kind: str, folder: Path, authority: trustme.CA) -> Access:
    """Not started yet. The commands of users are those that docs/redis.md gives."""
    folder.mkdir(parents=True)
    if kind == "socket":
        server = RedisProcess(folder, system_redis())
        return Access(server, server.url)
    port = free_port()
    if kind == "tls":
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
        certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        files = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "ca.pem"}
        tls = {"tls-port": str(port), "tls-auth-clients": "no", **files}
        server = RedisProcess(folder, system_redis(), {**tls, "requirepass": "pa55"}, user=":pa55")
        return Access(server, f"rediss://:pa55@localhost:{port}/0?ssl_ca_certs={folder / 'ca.pem'}")
    if kind == "password":
        server = RedisProcess(
            folder, system_redis(), {"port": str(port), "requirepass": "pa55"}, user=":pa55"
        )
        return Access(server, f"redis://:pa55@127.0.0.1:{port}/0")
    server = RedisProcess(folder, system_redis(), {"port": str(port), "user": rule(kind)})
    return Access(server, f"redis://{kind}:pa55@127.0.0.1:{port}/0")


def rule(user: str) -> str:
    """The rule that the page gives this user, with a password."""
    (found,) = re.findall(rf"^ACL SETUSER {user} (.+)$", DOCS.read_text("utf-8"), re.MULTILINE)
    return f"{user} {found.replace('>PASSWORD', '>pa55')}"


def a_sink(folder: Path, url: str) -> SpooledSink:
    """A sink as monitor has it."""
    return SpooledSink(folder, RemoteRedis(url, mask(url)), STREAM, 1000, SpoolRules(300.0, 2**20))


def until(sink: SpooledSink, holds: Callable[[SpoolState], bool]) -> SpoolState:
    """The state, as soon as this holds of it."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds(state := sink.state()):
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state


def heard(url: str, reader: StreamReader, count: int) -> list[IdentityEvent]:
    """The first events that a subscriber at this address gets."""
    subscription = Subscription(RemoteRedis(url, mask(url)), reader, print)
    got = []
    for event in subscription:
        got.append(event)
        if len(got) == count:
            subscription.stop()
    return got


@pytest.mark.parametrize("kind", ["password", "tls", "socket"])
def test_events_go_there_and_are_read_from_there(opens: Opens, tmp_path: Path, kind: str) -> None:
    access = opens(kind)
    sink = a_sink(tmp_path / "spool", access.url)
    sink.open()
    sink.publish(EVENTS)
    until(sink, lambda state: state.published == len(EVENTS))
    assert sink.state().problem is None
    sink.close()
    assert heard(access.url, LastIdReader(STREAM, parse_since("0")), 5) == EVENTS
    assert heard(access.url, GroupReader(STREAM, "g", "one", parse_since("0")), 5) == EVENTS


def test_a_publisher_needs_no_more_than_the_rule_of_the_page(opens: Opens, tmp_path: Path) -> None:
    access = opens("publisher")
    sink = a_sink(tmp_path / "spool", access.url)
    sink.open()
    with access.server.client() as client, redis.client.PubSub(client.connection_pool) as copies:
        copies.psubscribe("facestream:*")
        copies.get_message(timeout=5.0)
        sink.publish(EVENTS)
        until(sink, lambda state: state.published == len(EVENTS))
        assert copies.get_message(timeout=5.0) is not None
        replayed = RedisSink(RemoteRedis(access.url, "here"), STREAM, REPLAYS, 1000)
        replayed.open()
        replayed.publish([an_event()])
        replayed.close()
        assert (client.xlen(STREAM), client.xlen(REPLAYS)) == (5, 1)
        # a server that lost all, its scripts too
        client.flushall()
        client.script_flush()
        until(sink, lambda state: state.published == 2 * len(EVENTS))
        assert sink.state().problem is None
    sink.close()


def test_a_subscriber_needs_no_more_than_the_rule_of_the_page(opens: Opens, tmp_path: Path) -> None:
    access = opens("subscriber")
    sink = a_sink(tmp_path / "spool", access.server.url)
    sink.open()
    sink.publish(EVENTS)
    until(sink, lambda state: state.published == len(EVENTS))
    sink.close()
    assert heard(access.url, LastIdReader(STREAM, parse_since("10m")), 5) == EVENTS
    assert heard(access.url, GroupReader(STREAM, "g", "one", parse_since("0")), 3) == EVENTS[:3]
    assert heard(access.url, GroupReader(STREAM, "g", "two", parse_since("0")), 2) == EVENTS[3:]
    with access.server.client() as client:
        assert client.exists("{facestream:events}:groups") == 1
    with connect(access.url, "here") as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.xadd(STREAM, {"event": "forged"})


def test_a_wrong_password_is_said_without_it_and_waited_for(opens: Opens, tmp_path: Path) -> None:
    access = opens("password")
    sink = a_sink(tmp_path / "spool", access.url.replace("pa55", "wr0ng"))
    sink.open()
    sink.publish(EVENTS)
    state = until(sink, lambda state: "invalid username-password pair" in (state.redis_problem or ""))
    assert "wr0ng" not in str(state)
    with access.server.client() as client:
        client.config_set("requirepass", "wr0ng")
    until(sink, lambda state: state.published == len(EVENTS))
    sink.close()


def test_no_password_is_said(opens: Opens, tmp_path: Path) -> None:
    access = opens("password")
    sink = a_sink(tmp_path / "spool", access.url.replace(":pa55@", ""))
    sink.open()
    until(sink, lambda state: "Authentication required" in (state.redis_problem or ""))
    sink.close()


def test_a_permission_that_is_missing_is_said_and_waited_for(opens: Opens, tmp_path: Path) -> None:
    access = opens("publisher")
    sink = a_sink(tmp_path / "spool", access.url)
    with access.server.client() as client:
        client.acl_setuser("publisher", enabled=True, commands=["-xadd"], keys=["facestream:*"])
        sink.open()
        sink.publish(EVENTS)
        state = until(sink, lambda state: state.redis_problem is not None)
        assert "docs/redis.md has the rule" in (state.redis_problem or "")
        client.acl_setuser("publisher", enabled=True, commands=["+xadd"], keys=["facestream:*"])
        until(sink, lambda state: state.published == len(EVENTS))
    sink.close()


def test_a_certificate_that_nobody_knows_is_said(opens: Opens, tmp_path: Path) -> None:
    access = opens("tls")
    with pytest.raises(BrokerError, match=r"cannot be reached: .*certificate verify failed") as error:
        connect(access.url.partition("?")[0], "rediss://*****@localhost")
    assert "\n" not in str(error.value)
    assert "pa55" not in str(error.value)


def test_a_server_that_hangs_is_said_and_all_arrives_when_it_answers(opens: Opens, tmp_path: Path) -> None:
    access = opens("socket")
    sink = a_sink(tmp_path / "spool", access.url)
    sink.open()
    until(sink, lambda state: state.connected)
    access.server.freeze()
    sink.publish(EVENTS)
    state = until(sink, lambda state: state.redis_problem is not None)
    assert (state.waiting, state.connected) == (5, False)
    access.server.thaw()
    until(sink, lambda state: state.published == len(EVENTS))
    sink.close()
    assert heard(access.url, LastIdReader(STREAM, parse_since("0")), 5) == EVENTS
