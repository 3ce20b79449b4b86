"""kill -9 in the middle of an upgrade: the gallery is whole, the old model serves, and the next run goes on."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.re_embedding import ReEmbedding
from tests.gallery.upgrade.kept import OLD, TARGET, described, expected, fill
from tests.gallery.upgrade.upgrader import upgrade_until_killed

PEOPLE = 14
KILLS = 6


def kill_one(data: Path, url: str | None, random: np.random.Generator) -> None:
    """Start an upgrade, and kill it at a random moment after a random number of its words."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.gallery.upgrade.upgrader"])
    ours, theirs = context.Pipe(duplex=False)
    upgrader = context.Process(target=upgrade_until_killed, args=(data, url, theirs))
    upgrader.start()
    theirs.close()
    try:
        for _ in range(int(random.integers(1, 4))):
            ours.recv()
    except EOFError:
        pass  # it had little left to do, and is done
    upgrader.join(float(random.exponential(0.003)))
    upgrader.kill()
    upgrader.join()
    ours.close()
    upgrader.close()


def test_whatever_was_killed_the_end_is_that_of_one_run(
    store: Store, make_store: Callable[[], Store], tmp_path: Path, database_url: str | None
) -> None:
    fill(store, PEOPLE)
    whole = expected(tmp_path, PEOPLE)
    old = described(store, OLD)
    random = np.random.default_rng(7)
    for _ in range(KILLS):
        kill_one(tmp_path, database_url, random)
        with store.database.writing():
            pass  # PostgreSQL's end of a killed client may be committing still
        assert store.problems() == ()
        now = described(store)
        assert now <= whole
        assert described(store, OLD) == old
        serving = store.serving()
        assert serving is None or now == whole
    with make_store() as other:
        assert ReEmbedding(other, TARGET).switch(other.serving()) is not None
    assert described(store) == whole
    assert described(store, OLD) == old
