"""Members of a group killed at work: every event is handled, and twice only what one had in hand when it died."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.event import Mode
from tests.events.strategies import an_event
from tests.faults.group_member import STREAM
from tests.redis_process import RedisProcess, executable

pytestmark = pytest.mark.redis
ROOT = Path(__file__).parents[2]
EVENTS = [replace(an_event(number=number), mode=Mode.LIVE) for number in range(600)]
CLAIM_AFTER_S = "1.0"
PATIENCE_S = 60.0


@pytest.fixture(params=["embedded", "system"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of each version."""
    made = RedisProcess(tmp_path / "redis", executable(request.param))
    made.start()
    yield made
    made.stop()


class Members:
    """Programs of one group."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self.running: list[subprocess.Popen[bytes]] = []
        self._started = 0

    def start(self) -> None:
        """One more."""
        program = [sys.executable, "-m", "tests.faults.group_member", self._url, "alarm"]
        out = str(self._folder / f"{self._started}.said")
        self.running.append(subprocess.Popen([*program, out, CLAIM_AFTER_S], cwd=ROOT))
        self._started += 1

    def kill(self) -> None:
        """The one that runs for longest, as kill -9 does."""
        oldest = self.running.pop(0)
        oldest.kill()
        oldest.wait(30)

    def said(self, what: str) -> list[list[str]]:
        """What each has begun or done."""
        lines = [path.read_text().splitlines() for path in sorted(self._folder.glob("*.said"))]
        return [[line.split()[1] for line in some if line.startswith(f"{what} ")] for some in lines]

    def wait_for(self, count: int) -> None:
        """Until so many events are done."""
        until = time.monotonic() + PATIENCE_S
        while len({each for some in self.said("done") for each in some}) < count:
            assert time.monotonic() < until, [len(some) for some in self.said("done")]
            time.sleep(0.02)


def test_every_event_is_handled_and_few_twice(tmp_path: Path, server: RedisProcess) -> None:
    sink = RedisSink(RemoteRedis(server.url, "here"), STREAM, "replay", 10_000)
    sink.open()
    sink.publish(EVENTS)
    sink.close()
    members = Members(tmp_path, server.url)
    try:
        for _ in range(3):
            members.start()
        for done in (100, 200):
            members.wait_for(done)
            members.kill()
            members.start()
        members.wait_for(len(EVENTS))
        with server.client() as client:
            until = time.monotonic() + PATIENCE_S
            while client.xpending(STREAM, "alarm")["pending"]:
                assert time.monotonic() < until
                time.sleep(0.02)
    finally:
        while members.running:
            members.kill()
    begun = Counter(each for some in members.said("begin") for each in some)
    assert set(begun) == {event.event_id for event in EVENTS}
    assert sum(begun.values()) - len(begun) <= 2, "one for each that was killed at work"
    assert sum(len(some) > 0 for some in members.said("done")) >= 3, "the work was shared"
