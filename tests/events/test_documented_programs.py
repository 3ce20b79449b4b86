"""The programs of docs/events.md, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.event import Mode
from tests.events.strategies import an_event
from tests.redis_process import RedisProcess, executable

pytestmark = pytest.mark.redis
ROOT = Path(__file__).parents[2]
EVENTS = [replace(an_event(number=number), mode=Mode.LIVE) for number in range(3)]
PROGRAMS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "events.md").read_text("utf-8"), re.M | re.S)

OURS = "def handle(event):\n    print(event.event_id, flush=True)\n"
ELSEWHERE = "def handle(event):\n    print(event['event_id'], flush=True)\n"
PRINTS = "import functools\nprint = functools.partial(print, flush=True)\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server with three live events."""
    made = RedisProcess(tmp_path / "redis", executable("embedded"))
    made.start()
    sink = RedisSink(RemoteRedis(made.url, "here"), "facestream:events", "facestream:replay", 1000)
    sink.open()
    sink.publish(EVENTS)
    sink.close()
    yield made
    made.stop()


def said(program: str, server: RedisProcess, before: str, count: int) -> list[str]:
    """The first lines that the program prints, which is then killed at work."""
    text = f"address = {server.url!r}\n{before}{program}"
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline().strip() for _ in range(count)]
        running.kill()
    return lines


def test_there_are_three_and_the_first_has_less_than_ten_lines() -> None:
    assert len(PROGRAMS) == 3
    assert len([line for line in PROGRAMS[0].splitlines() if line]) < 10


@pytest.mark.parametrize(("program", "before"), [(PROGRAMS[0], OURS), (PROGRAMS[1], ELSEWHERE)])
def test_a_member_of_a_group_handles_each_event_and_goes_on(
    server: RedisProcess, program: str, before: str
) -> None:
    ids = [event.event_id for event in EVENTS]
    assert said(program, server, before, 3) == ids
    with server.client() as client:
        waiting = client.xpending("facestream:events", "alarm")["pending"]
        assert waiting <= 1, "only what it was killed at"
        client.xgroup_setid("facestream:events", "alarm", "0")
    assert set(said(program, server, before, 2)) <= set(ids)


def test_a_reader_of_everything_is_told_what_is_missing(server: RedisProcess) -> None:
    with server.client() as client:
        for entry_id, fields in client.xrange("facestream:events"):
            if fields[b"n"] == b"2":
                client.xdel("facestream:events", entry_id)
    assert said(PROGRAMS[2], server, PRINTS, 3) == ["door Ann", "1 events are missing", "door Ann"]
