"""Where reading begins, and that no entry is missed or, in a group, lost with its member."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from pipeline.errors import BadInputError
from pipeline.events.stream import GroupReader, LastIdReader, RawEntry, Since, before_ms, parse_since

LAST = 2**64 - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Since(after_id="0-0")),
        ("1700000000000", Since(after_id="1700000000000-0")),
        ("1700000000000-7", Since(after_id="1700000000000-7")),
        ("90s", Since(ago=timedelta(seconds=90))),
        ("10m", Since(ago=timedelta(minutes=10))),
        ("1h30m", Since(ago=timedelta(minutes=90))),
        ("2d", Since(ago=timedelta(days=2))),
        ("1970-01-01T00:00:01Z", Since(after_id=f"999-{LAST}")),
        ("1970-01-01T01:00:01.5+01:00", Since(after_id=f"1499-{LAST}")),
        ("1970-01-02", Since(after_id=f"86399999-{LAST}")),
        ("1960-01-01", Since(after_id="0-0")),
    ],
)
def test_every_way_to_say_since(text: str, expected: Since) -> None:
    assert parse_since(text) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10x", "m", "-5m", "1-", "2026-13-01", "9" * 30 + "d", "10m!"]
)
def test_what_is_no_since_lists_what_is(text: str) -> None:
    with pytest.raises(BadInputError, match=r"give a time .* how long ago .* or 0 for everything") as error:
        parse_since(text)
    assert "\n" not in str(error.value)


def add(client: redis.Redis, value: str) -> str:
    """An entry; its id."""
    return client.xadd("s", {"event": value}).decode()  # type: ignore[union-attr]


def values(entries: list[RawEntry]) -> list[str]:
    """What the entries say."""
    return [entry.fields[b"event"].decode() for entry in entries]


@pytest.mark.redis
class TestLastIdReader:
    """Everything behind a place, for each reader."""

    def test_now_is_when_it_was_opened_first(self, client: redis.Redis) -> None:
        reader = LastIdReader("s", Since())
        reader.open(client)
        add(client, "missed while away")
        reader.open(client)
        assert values(reader.read(client)) == ["missed while away"]

    def test_now_is_behind_what_is_there(self, client: redis.Redis) -> None:
        add(client, "old")
        reader = LastIdReader("s", Since())
        reader.open(client)
        assert reader.read(client) == []
        add(client, "new")
        assert values(reader.read(client)) == ["new"]

    def test_a_time_ago_is_by_the_servers_clock_and_includes_its_millisecond(
        self, client: redis.Redis
    ) -> None:
        seconds, _ = client.time()
        for ago_s in (1000, 500, 100):
            client.xadd("s", {"event": str(ago_s)}, id=f"{(seconds - ago_s) * 1000}-0")
        reader = LastIdReader("s", parse_since("10m"))
        reader.open(client)
        assert values(reader.read(client)) == ["500", "100"]
        reader = LastIdReader("s", Since(after_id=before_ms((seconds - 100) * 1000)))
        reader.open(client)
        assert values(reader.read(client)) == ["100"]

    def test_what_is_not_done_is_read_again_and_what_is_done_is_not(self, client: redis.Redis) -> None:
        for value in "abc":
            add(client, value)
        reader = LastIdReader("s", parse_since("0"))
        reader.open(client)
        first = reader.read(client)
        assert values(first) == ["a", "b", "c"]
        reader.done(client, first[0])
        reader.open(client)
        assert values(reader.read(client)) == ["b", "c"]


@pytest.mark.redis
class TestGroupReader:
    """Each entry to one member, until it is done."""

    def open(self, client: redis.Redis, member: str, since: str = "0") -> GroupReader:
        """A member that is ready to read new entries."""
        reader = GroupReader("s", "g", member, parse_since(since))
        reader.open(client)
        return reader

    def test_members_share_the_entries(self, client: redis.Redis) -> None:
        one, two = self.open(client, "one"), self.open(client, "two")
        assert one.read(client) == two.read(client) == []
        add(client, "a")
        assert values(one.read(client)) == ["a"]
        add(client, "b")
        assert values(two.read(client)) == ["b"]
        assert one.read(client) == []

    def test_a_member_that_comes_back_gets_what_it_did_not_finish(self, client: redis.Redis) -> None:
        add(client, "a")
        add(client, "b")
        before = self.open(client, "one")
        assert before.read(client) == []
        given = before.read(client)
        assert values(given) == ["a", "b"]
        before.done(client, given[0])
        after = self.open(client, "one")
        assert values(after.read(client)) == ["b"]

    def test_what_a_dead_member_left_is_given_to_another(self, client: redis.Redis) -> None:
        entry_id = add(client, "a")
        dead = self.open(client, "dead")
        assert dead.read(client) == []
        assert values(dead.read(client)) == ["a"]
        alive = self.open(client, "alive")
        assert alive.read(client) == alive.read(client) == []
        client.xclaim("s", "g", "dead", 0, [entry_id], idle=120_000)
        heir = self.open(client, "heir")
        assert values(heir.read(client)) == ["a"]

    def test_an_entry_that_was_trimmed_while_it_waited_is_empty(self, client: redis.Redis) -> None:
        add(client, "a")
        reader = self.open(client, "one")
        assert reader.read(client) == []
        assert values(reader.read(client)) == ["a"]
        client.xtrim("s", maxlen=0, approximate=False)
        again = self.open(client, "one").read(client)
        assert [dict(entry.fields) for entry in again] == [{}]

    def test_since_counts_only_for_a_new_group(self, client: redis.Redis) -> None:
        add(client, "a")
        first = self.open(client, "one", since="0")
        assert first.read(client) == []
        add(client, "b")
        late = self.open(client, "two", since="2100-01-01")
        assert late.read(client) == []
        assert values(late.read(client)) == ["a", "b"]
