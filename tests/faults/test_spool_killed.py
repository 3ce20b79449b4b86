"""Pipeline and Redis killed at any moment: what was flushed is in the stream once, in the order of its camera."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.faults.spool_producer import RUN, STREAM
from tests.redis_process import DURABLE, RedisProcess, executable

pytestmark = pytest.mark.redis
ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 30.0
LOST_BYTES = 60_000
"""of the append-only file at most: what everysec may lose in a power loss, at the rate of these tests"""

KILLED = ["server", "producer", "server", "both", "server", "both"]
EXEC = b"*1\r\n$4\r\nEXEC\r\n"


@dataclass
class Producer:
    """The program that publishes, over its runs."""

    folder: Path
    url: str
    rate: str
    flushed: dict[int, int] = field(default_factory=dict)
    """run -> the highest number that it said was on disk"""
    _process: subprocess.Popen[bytes] | None = None
    _run: int = 0

    def start(self) -> None:
        """The next run; returns when its first events are on disk."""
        self._run += 1
        self._process = self._program(self.rate)
        until = time.monotonic() + START_TIMEOUT_S
        while not self._said():
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)

    def kill(self) -> None:
        """As kill -9 does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        self.flushed[self._run] = self._said()[-1]

    def drain(self) -> None:
        """A last run, until all is in Redis."""
        assert self._program("drain").wait(150) == 0

    def _said(self) -> list[int]:
        """The whole lines of this run."""
        path = Path(f"{self.folder}.{self._run}")
        return [int(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []

    def _program(self, what: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "tests.faults.spool_producer"]
        return subprocess.Popen([*program, str(self.folder), self.url, str(self._run), what], cwd=ROOT)


@pytest.fixture(params=["embedded", "system"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of each version, as durable as our own."""
    made = RedisProcess(tmp_path / "redis", executable(request.param), DURABLE)
    made.start()
    yield made
    made.stop()


def lose_power(server: RedisProcess, chance: random.Random) -> int:
    """Kill the server, and take away the end of its file as if it had never reached the disk; how many bytes.

    Not so that an EXEC is torn: what is before it would be carried out at the next start but one (docs/redis.md).
    """
    server.kill()
    file = server.append_only_file()
    content = file.read_bytes()
    left = max(len(content) - chance.randrange(LOST_BYTES), 0)
    execute = content.rfind(EXEC, 0, left + len(EXEC))
    if execute >= 0 and left - len(EXEC) < execute < left:
        left = execute + len(EXEC)
    os.truncate(file, left)
    return len(content) - left


def check(server: RedisProcess, flushed: dict[int, int]) -> int:
    """Each flushed event once, none twice, each camera's in order, no hole in the numbers; how many there are."""
    with server.client() as client:
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(STREAM))
    by_camera: dict[bytes, list[int]] = defaultdict(list)
    for _, fields in entries:
        number = int(json.loads(fields[b"event"])["sighting_id"].rpartition(":")[2])
        by_camera[fields[b"camera"]].append(number)
    told = [number for numbers in by_camera.values() for number in numbers]
    promised = {run * RUN + number for run, last in flushed.items() for number in range(last + 1)}
    assert promised - set(told) == set(), "lost"
    assert len(told) == len(set(told)), "told twice"
    assert all(numbers == sorted(numbers) for numbers in by_camera.values()), "out of order"
    ns = [int(fields[b"n"]) for _, fields in entries]
    assert ns == list(range(1, len(ns) + 1)), "a gap is told where none is"
    return len(told)


@pytest.mark.parametrize("seed", [1])
def test_both_are_killed_at_random(tmp_path: Path, server: RedisProcess, seed: int) -> None:
    chance = random.Random(seed)
    producer = Producer(tmp_path / "spool", server.url, "600")
    producer.start()
    lost = 0
    for which in [*KILLED, chance.choice(KILLED)]:
        time.sleep(chance.uniform(0.1, 0.7))
        if which != "server":
            producer.kill()
        if which != "producer":
            lost += lose_power(server, chance)
        time.sleep(chance.uniform(0.0, 0.3))
        if which != "producer":
            server.start()
        if which != "server":
            producer.start()
    producer.kill()
    producer.drain()
    assert lost > 0
    assert check(server, producer.flushed) > 500


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_redis_is_away_for_a_minute_and_the_producer_is_killed_meanwhile(
    tmp_path: Path, server: RedisProcess
) -> None:
    producer = Producer(tmp_path / "spool", server.url, "500")
    producer.start()
    time.sleep(10.0)
    lose_power(server, random.Random(7))
    time.sleep(30.0)
    producer.kill()
    producer.start()
    time.sleep(30.0)
    server.start()
    time.sleep(10.0)
    producer.kill()
    producer.drain()
    assert check(server, producer.flushed) > 500 * 60


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(2, 12))
def test_both_are_killed_at_random_again_and_again(tmp_path: Path, server: RedisProcess, seed: int) -> None:
    test_both_are_killed_at_random(tmp_path, server, seed)
