"""`subscribe` as a person or a program meets it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import run_pipeline
from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.encode import encode
from pipeline.events.event import Identity, IdentityEvent, Mode
from pipeline.types import Watchlist
from tests.events.strategies import an_event

ROOT = Path(__file__).parents[2]
EVENTS = [
    replace(event, mode=Mode.LIVE)
    for event in (
        replace(an_event(), watchlists=(Watchlist("vip", "greet"),)),
        an_event("yard", 3, who=None),
        an_event(seq=2, who=Identity("p_77", "Bob\x1b[2J")),
    )
]

pytestmark = pytest.mark.redis


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[RedisSink]:
    """Publishes to the Redis of a data folder; three live events and a replayed one are there already."""
    made = RedisSink(EmbeddedRedis(tmp_path), "facestream:events", "facestream:replay", 1000)
    made.open()
    made.publish([*EVENTS, an_event(number=99)])
    yield made
    made.close()


def subscribe(tmp_path: Path, *options: str) -> int:
    """The command on this data folder, in this process; its exit code."""
    return run_pipeline.main(["subscribe", "--data", str(tmp_path), *options])


def lines(events: list[IdentityEvent]) -> list[str]:
    """As --json prints them."""
    return [encode(event) for event in events]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--count", "3"], EVENTS),
        (["--count", "2"], EVENTS[:2]),
        (["--count", "1", "--camera", "yard"], EVENTS[1:2]),
        (["--count", "1", "--person", "p_77"], EVENTS[2:]),
        (["--count", "2", "--type", "new"], EVENTS[:2]),
        (["--count", "1", "--type", "update"], EVENTS[2:]),
        (["--count", "1", "--replay"], [an_event(number=99)]),
        (["--count", "3", "--group", "alarm"], EVENTS),
        (["--count", "1", "--watchlist", "VIP"], EVENTS[:1]),
    ],
)
def test_events_are_printed_as_they_were_published(
    sink: RedisSink,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    wanted: list[IdentityEvent],
) -> None:
    assert subscribe(tmp_path, "--since", "0", "--json", *options) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == lines(wanted)
    assert said.err == ""


def test_a_group_goes_on_where_it_was(
    sink: RedisSink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for event in EVENTS:
        assert subscribe(tmp_path, "--since", "0", "--json", "--count", "1", "--group", "alarm") == 0
        assert capsys.readouterr().out.splitlines() == lines([event])


def test_members_have_names_of_their_own(
    sink: RedisSink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert subscribe(tmp_path, "--since", "0", "--count", "1", "--group", "alarm") == 0
    with EmbeddedRedis(tmp_path) as broker, connect(broker.open(), broker.shown) as client:
        assert len(client.xinfo_consumers("facestream:events", "alarm")) == 2
        assert subscribe(tmp_path, "--count", "1", "--group", "alarm/siren") == 0
        names = [each["name"] for each in client.xinfo_consumers("facestream:events", "alarm")]
    assert b"siren" in names


def test_what_is_missing_is_said_beside_the_events(
    sink: RedisSink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedRedis(tmp_path) as broker, connect(broker.open(), broker.shown) as client:
        client.xdel("facestream:events", client.xrange("facestream:events")[1][0])
    assert subscribe(tmp_path, "--since", "0", "--json", "--count", "2") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == lines([EVENTS[0], EVENTS[2]])
    assert "1 events of facestream:events are missing" in said.err


def test_people_read_one_line_an_event(
    sink: RedisSink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert subscribe(tmp_path, "--since", "10m", "--count", "3") == 0
    ann, unknown, bob = capsys.readouterr().out.splitlines()
    assert "door" in ann
    assert "Ann" in ann
    assert "unknown" in unknown
    assert "\x1b" not in bob


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_follows_until_a_signal_and_ends_well(
    sink: RedisSink, tmp_path: Path, number: signal.Signals
) -> None:
    command = [
        sys.executable,
        "run_pipeline.py",
        "subscribe",
        "--data",
        str(tmp_path),
        "--json",
        "--since",
        "0",
    ]
    follower = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert follower.stdout is not None
    old = [follower.stdout.readline() for _ in EVENTS]
    later = replace(an_event(seq=3), mode=Mode.LIVE)
    sink.publish([later])
    new = follower.stdout.readline()
    follower.send_signal(number)
    out, err = follower.communicate(timeout=30)
    assert follower.returncode == 0, err
    assert [line.rstrip("\n") for line in [*old, new]] == lines([*EVENTS, later])
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--since", "yesterday"], 2, "--since yesterday: give a time"),
        (["--group", "/one"], 2, "give the group's name, or NAME/MEMBER"),
        (["--group", "alarm/"], 2, "give the group's name, or NAME/MEMBER"),
        (["--count", "0"], 2, "--count"),
        (["--type", "seen"], 2, "--type"),
        (["--redis", "http://ann:secret@far/0"], 2, "redis.url"),
        (["--redis", "unix:///nowhere/redis.sock"], 3, "cannot be reached"),
    ],
)
def test_what_cannot_be_followed_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, says: str
) -> None:
    assert subscribe(tmp_path, *options) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert len(said.err.splitlines()) == 1
    assert "secret" not in said.err
