"""kill -9 in the middle of writing: what was acknowledged is there, what was not is there whole or not at all."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from pipeline.gallery.storage.store import Store
from tests.gallery.crash_writer import People, Write, write_until_killed
from tests.gallery.people import template

LONGEST_OPENING_S = 2.0
"""of a gallery whose writer was killed: its log is read, not worked through"""


class Killed:
    """What a writer had acknowledged when it was killed, and what it was about to write."""

    def __init__(self, before: People) -> None:
        self.now = before
        self.begun: Write | None = None
        self.writes = 0

    def hear(self, message: Write | None) -> None:
        """Take one of the writer's messages."""
        if message is None and self.begun is not None:
            self.now = self.begun.after
            self.writes += 1
        self.begun = message


def kill_one(data: Path, url: str | None, before: People, random: np.random.Generator) -> Killed:
    """Start a writer, and kill it at a random moment after a random number of its words."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.gallery.crash_writer"])
    ours, theirs = context.Pipe(duplex=False)
    seed = int(random.integers(1, 1_000_000))
    writer = context.Process(target=write_until_killed, args=(data, url, theirs, before, seed))
    writer.start()
    theirs.close()
    killed = Killed(before)
    for _ in range(int(random.integers(1, 30))):
        killed.hear(ours.recv())
    writer.join(float(random.exponential(0.004)))
    writer.kill()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    hear_out(ours, killed)
    ours.close()
    writer.close()
    return killed


def hear_out(ours: Connection, killed: Killed) -> None:
    """Take what the writer said before it died; its last word may be cut off."""
    try:
        while True:
            killed.hear(ours.recv())
    except (EOFError, OSError):
        return


def check(store: Store, killed: Killed) -> People:
    """Check that the gallery is whole and as acknowledged, with or without the last write; what it is."""
    # PostgreSQL's end of a killed client may be committing still: the next writer waits for that.
    with store.database.writing():
        pass
    assert store.problems() == ()
    found: dict[str, frozenset[int]] = {}
    for one in store.people():
        shots = []
        for kept in store.templates_of(one.person.id):
            shot = int(kept.source.rpartition("-")[2].partition(".")[0])
            given = template(0, shot)
            crop = store.crop(kept.label)
            assert kept.vector.tobytes() == given.vector.tobytes()
            assert crop is not None
            assert given.crop is not None
            assert crop.png == given.crop.png
            shots.append(shot)
        assert len(set(shots)) == len(shots)
        found[one.person.name] = frozenset(shots)
    allowed = [killed.now] if killed.begun is None else [killed.now, killed.begun.after]
    assert found in allowed
    return found


def kill_many(make_store: Callable[[], Store], data: Path, url: str | None, kills: int) -> None:
    random = np.random.default_rng(kills)
    people: People = {}
    writes = cut_off = 0
    for _ in range(kills):
        killed = kill_one(data, url, people, random)
        began = time.monotonic()
        with make_store() as store:
            assert time.monotonic() - began < LONGEST_OPENING_S
            people = check(store, killed)
        writes += killed.writes
        cut_off += killed.begun is not None
    # The test would prove nothing with writers that never got anywhere, or were never in the middle.
    assert writes > kills
    assert cut_off > kills // 5


def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half_done(
    make_store: Callable[[], Store], tmp_path: Path, database_url: str | None
) -> None:
    kill_many(make_store, tmp_path, database_url, kills=15 if database_url is None else 8)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_killed_writers(
    make_store: Callable[[], Store], tmp_path: Path, database_url: str | None
) -> None:
    kill_many(make_store, tmp_path, database_url, kills=200 if database_url is None else 60)
