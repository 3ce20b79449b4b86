"""Where reading begins, and that no entry is missed or, in a group, lost with its member."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from pipeline.errors import BadInputError
from pipeline.events.delivery.stream import LastIdReader, RawEntry, Since, before_ms, parse_since

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


def numbered(client: redis.Redis, *ns: int) -> list[str]:
    """Entries with these numbers; their ids."""
    return [client.xadd("s", {"event": str(n), "n": str(n)}).decode() for n in ns]  # type: ignore[union-attr]


def missed(reader: LastIdReader, client: redis.Redis) -> list[int | None]:
    """How many are missing before each of the next entries; 0 where there is no gap."""
    entries = reader.read(client)
    for entry in entries:
        reader.done(client, entry)
    return [0 if entry.gap is None else entry.gap.missed for entry in entries]


def reading(client: redis.Redis, since: str | None) -> LastIdReader:
    """A reader that is ready."""
    reader = LastIdReader("s", Since() if since is None else parse_since(since))
    reader.open(client)
    return reader


@pytest.mark.redis
class TestGaps:
    """What is gone is told, with how many where that can be known."""

    def test_a_hole_in_the_numbers(self, client: redis.Redis) -> None:
        numbered(client, 5, 6, 9)
        assert missed(reading(client, "0"), client) == [0, 0, 2]

    def test_entries_trimmed_while_the_reader_was_away(self, client: redis.Redis) -> None:
        numbered(client, 1, 2)
        reader = reading(client, "0")
        assert missed(reader, client) == [0, 0]
        numbered(client, 3, 4, 5)
        client.xtrim("s", maxlen=1, approximate=False)
        reader.open(client)
        assert missed(reader, client) == [2]

    def test_the_first_after_now(self, client: redis.Redis) -> None:
        numbered(client, 1, 2)
        reader = reading(client, None)
        numbered(client, 4)
        assert missed(reader, client) == [1]

    def test_a_place_that_is_still_there_is_known_exactly(self, client: redis.Redis) -> None:
        _, second, *_ = numbered(client, 1, 2, 5)
        assert missed(reading(client, second), client) == [2]

    def test_a_place_that_was_trimmed_is_a_gap_of_unknown_size(self, client: redis.Redis) -> None:
        first, *_ = numbered(client, 1, 2, 3)
        client.xtrim("s", maxlen=1, approximate=False)
        assert missed(reading(client, first), client) == [None]

    def test_everything_is_what_is_there(self, client: redis.Redis) -> None:
        numbered(client, 1, 2, 3)
        client.xtrim("s", maxlen=1, approximate=False)
        assert missed(reading(client, "0"), client) == [0]

    def test_a_time_before_the_first_entry_ever_is_no_gap(self, client: redis.Redis) -> None:
        numbered(client, 1, 2)
        assert missed(reading(client, "2001-01-01"), client) == [0, 0]

    def test_a_server_that_begins_anew_is_no_gap(self, client: redis.Redis) -> None:
        numbered(client, 70, 71)
        reader = reading(client, "0")
        assert missed(reader, client) == [0, 0]
        client.delete("s")
        client.xadd("s", {"event": "1", "n": "1"}, id=f"{2**42}-1")  # later than all that the clock gives
        assert missed(reader, client) == [0]
