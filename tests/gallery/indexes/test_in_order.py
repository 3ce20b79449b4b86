"""Work behind its owner's back is done in order, and what fails is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from pipeline.gallery.indexes.in_order import InOrder, Turns


def test_everything_is_done_in_order() -> None:
    done: list[int] = []

    def do(number: int) -> Iterator[None]:
        done.append(number)
        yield

    work = InOrder("counting", do)
    for turn in range(3):
        for number in range(100):
            work.submit(100 * turn + number)
        work.settle()
        assert done == list(range(100 * (turn + 1)))


def test_a_failure_is_told_and_what_follows_is_left() -> None:
    done: list[int] = []

    def do(number: int) -> Iterator[None]:
        if number == 2:
            raise MemoryError("no room")
        done.append(number)
        yield

    work = InOrder("counting", do)
    for number in range(5):
        work.submit(number)
    with pytest.raises(RuntimeError, match="counting: no room"):
        work.settle()
    assert done == [0, 1]
    work.submit(7)
    with pytest.raises(RuntimeError, match="no room"):
        work.settle()
    assert done == [0, 1]


def test_who_waits_gets_the_lock_before_who_just_had_it() -> None:
    turns = Turns()
    holds, got = Event(), Event()

    def wait() -> None:
        holds.wait()
        with turns():
            got.set()

    thread = Thread(target=wait)
    thread.start()
    count = 0
    while not got.is_set():
        with turns():
            holds.set()
            count += 1
    thread.join()
    assert got.is_set()
    assert count >= 1


LEAVES_WHILE_LINKING = """
import numpy as np
from pipeline.gallery.indexes.choose import choose_index
vectors = np.random.default_rng(0).normal(size=(9000, 64)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
index = choose_index("hnsw", 64)
index.add(np.arange(9000), vectors)
"""


def test_a_program_ends_well_in_the_middle_of_it() -> None:
    """A thread that is in hnswlib when the interpreter goes aborts the program, one time in three."""
    root = Path(__file__).resolve().parents[3]
    for _ in range(4):
        ended = subprocess.run([sys.executable, "-c", LEAVES_WHILE_LINKING], cwd=root, capture_output=True)
        assert (ended.returncode, ended.stderr) == (0, b"")
