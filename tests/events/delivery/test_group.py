"""A group's members: each entry to one of them, until it is done, and none is lost with its member."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import redis

from pipeline.events.delivery.group import BATCH, FORGET_MEMBERS, GroupReader, groups_key, own_name
from pipeline.events.delivery.stream import RawEntry, parse_since
from tests.redis_process import RedisProcess, executable

pytestmark = pytest.mark.redis
LATER = f"{2**42}-1"
"""an id behind all that the clock gives before the year 2109"""


@pytest.fixture(scope="module", params=["embedded", "system"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisProcess]:
    """A server of each version."""
    made = RedisProcess(tmp_path_factory.mktemp("redis"), executable(request.param))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(server: RedisProcess) -> Iterator[redis.Redis]:
    """A connection to an empty server."""
    with server.client() as connected:
        connected.flushall()
        yield connected


def add(client: redis.Redis, value: str, n: int | None = None) -> str:
    """An entry; its id."""
    fields = {"event": value} | ({} if n is None else {"n": str(n)})
    return client.xadd("s", fields).decode()  # type: ignore[union-attr, arg-type]


def member(client: redis.Redis, name: str, since: str = "0", claim_after_s: float = 60.0) -> GroupReader:
    """A member that is ready to read."""
    reader = GroupReader("s", "g", name, parse_since(since), claim_after_s)
    reader.open(client)
    return reader


def take(client: redis.Redis, reader: GroupReader, count: int, done: bool = True) -> list[RawEntry]:
    """The next entries that it is given."""
    found: list[RawEntry] = []
    while len(found) < count:
        for entry in reader.read(client):
            found.append(entry)
            if done:
                reader.done(client, entry)
    return found


def values(entries: list[RawEntry]) -> list[str]:
    """What the entries say."""
    return [entry.fields[b"event"].decode() for entry in entries]


def missed(entries: list[RawEntry]) -> list[int | None]:
    """How many are missing before each; 0 where there is no gap."""
    return [0 if entry.gap is None else entry.gap.missed for entry in entries]


def age(client: redis.Redis, name: str) -> None:
    """Let what this member has unfinished be two minutes old."""
    pending = client.xpending_range("s", "g", "-", "+", 100, name)
    client.xclaim("s", "g", name, 0, [each["message_id"] for each in pending], idle=120_000, justid=True)


def test_members_share_the_entries(client: redis.Redis) -> None:
    one, two = member(client, "one"), member(client, "two")
    assert one.read(client) == two.read(client) == []
    for value in "ab":
        add(client, value)
    assert values(take(client, one, 2)) == ["a", "b"]
    add(client, "c")
    assert values(take(client, two, 1)) == ["c"]
    assert one.read(client) == []


def test_one_member_does_not_take_all(client: redis.Redis) -> None:
    for number in range(2 * BATCH):
        add(client, str(number))
    one, two = member(client, "one"), member(client, "two")
    assert values(take(client, one, 1)) == ["0"]
    assert values(take(client, two, 1)) == [str(BATCH)]


def test_a_member_that_comes_back_gets_what_it_did_not_finish(client: redis.Redis) -> None:
    for value in "abc":
        add(client, value)
    before = member(client, "one")
    (first, _) = take(client, before, 2, done=False)
    before.done(client, first)
    assert values(take(client, member(client, "one"), 2)) == ["b", "c"]
    assert client.xpending("s", "g")["pending"] == 0


def test_what_a_dead_member_left_is_given_to_another(client: redis.Redis) -> None:
    for number in range(BATCH + 3):
        add(client, str(number))
    take(client, member(client, "dead"), BATCH, done=False)
    alive = member(client, "alive")
    assert values(take(client, alive, 3)) == [str(BATCH + each) for each in range(3)]
    age(client, "dead")
    assert values(take(client, member(client, "heir"), BATCH)) == [str(each) for each in range(BATCH)]
    assert client.xpending("s", "g")["pending"] == 0


def test_what_a_member_leaves_in_order_is_taken_at_once(client: redis.Redis) -> None:
    for value in "abc":
        add(client, value)
    leaving = member(client, "leaving")
    take(client, leaving, 1)
    leaving.close(client)
    assert values(take(client, member(client, "heir"), 2)) == ["b", "c"]


def test_what_is_held_is_not_taken_away_while_its_member_lives(client: redis.Redis) -> None:
    for value in "abc":
        add(client, value)
    one = member(client, "one", claim_after_s=0.2)
    two = member(client, "two", claim_after_s=0.2)
    given = take(client, one, 1)
    while len(given) < 3:
        given += take(client, one, 1)
        assert two.read(client) == []  # which waits for half a second
    assert len(given) == 3


def test_a_member_that_was_too_slow_looks_again_what_is_its_own(client: redis.Redis) -> None:
    for value in "abc":
        add(client, value)
    slow = member(client, "slow", claim_after_s=0.2)
    take(client, slow, 1)
    assert member(client, "waits").read(client) == []  # for half a second
    assert values(take(client, member(client, "heir", claim_after_s=0.2), 2)) == ["b", "c"]
    assert slow.read(client) == []


def test_an_entry_that_was_trimmed_while_it_waited_is_a_gap(client: redis.Redis) -> None:
    add(client, "a")
    take(client, member(client, "one"), 1, done=False)
    client.xtrim("s", maxlen=0, approximate=False)
    (gone,) = take(client, member(client, "one"), 1)
    assert (dict(gone.fields), missed([gone])) == ({}, [1])
    assert client.xpending("s", "g")["pending"] == 0


def test_since_counts_only_for_a_new_group(client: redis.Redis) -> None:
    add(client, "a")
    assert member(client, "one", since="2100-01-01").read(client) == []
    add(client, "b")
    client.xgroup_destroy("s", "g")
    member(client, "one", since="0")
    assert values(take(client, member(client, "two", since="2100-01-01"), 2)) == ["a", "b"]


class TestGaps:
    """What a group never got is told to whoever gets the next entry."""

    def test_holes_and_none(self, client: redis.Redis) -> None:
        for n in (5, 6, 9):
            add(client, str(n), n)
        assert missed(take(client, member(client, "one"), 3)) == [0, 0, 2]

    def test_trimming_behind_the_groups_back_is_counted_exactly_by_any_member(
        self, client: redis.Redis
    ) -> None:
        for n in range(1, 4):
            add(client, str(n), n)
        take(client, member(client, "one"), 3)
        for n in range(4, 10):
            add(client, str(n), n)
        client.xtrim("s", maxlen=2, approximate=False)
        assert missed(take(client, member(client, "two"), 2)) == [4, 0]

    def test_without_a_note_nobody_knows_how_many(self, client: redis.Redis) -> None:
        for n in range(1, 4):
            add(client, str(n), n)
        take(client, member(client, "one"), 3)
        client.delete(groups_key("s"))
        add(client, "4", 4)
        add(client, "5", 5)
        client.xtrim("s", maxlen=1, approximate=False)
        assert missed(take(client, member(client, "two"), 1)) == [None]

    def test_members_that_take_turns_miss_nothing(self, client: redis.Redis) -> None:
        one, two = member(client, "one"), member(client, "two")
        for n in range(1, 4 * BATCH + 1):
            add(client, str(n), n)
        for reader in (one, two, one, two):
            assert missed(take(client, reader, BATCH)) == [0] * BATCH

    def test_entries_without_numbers_have_no_gaps(self, client: redis.Redis) -> None:
        for value in "abc":
            add(client, value)
        assert missed(take(client, member(client, "one"), 3)) == [0, 0, 0]


def test_a_group_that_the_server_lost_is_made_again_where_the_member_was(client: redis.Redis) -> None:
    reader = member(client, "one")
    add(client, "a", 1)
    take(client, reader, 1)
    client.flushall()
    client.xadd("s", {"event": "b", "n": "1"}, id=LATER)
    (entry,) = take(client, reader, 1)
    assert (values([entry]), entry.gap) == (["b"], None)


def test_members_that_are_gone_and_have_nothing_are_forgotten(client: redis.Redis) -> None:
    add(client, "a")
    add(client, "b")
    take(client, member(client, "busy"), 1, done=False)
    member(client, "idle").read(client)
    member(client, "own").read(client)
    client.eval(FORGET_MEMBERS, 1, "s", "g", -1, "own")
    assert [each["name"] for each in client.xinfo_consumers("s", "g")] in ([b"busy", b"own"], [b"busy"])


def test_own_names_differ_and_say_who_it_is() -> None:
    assert own_name() != own_name()
    assert re.fullmatch(r".+-\d+-[0-9a-f]{6}", own_name())


def test_the_notes_lie_in_the_streams_slot() -> None:
    assert groups_key("a") == "{a}:groups"
    assert groups_key("{x}a") == "{x}a:groups"
