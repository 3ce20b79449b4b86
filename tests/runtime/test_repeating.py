"""Chores beside a run: they go on whatever happens, and end with it."""

from __future__ import annotations

import logging
import threading

import pytest

from pipeline.errors import StoreError
from pipeline.runtime import repeating
from pipeline.runtime.repeating import Repeating

WAIT_S = 20.0


class Chore:
    """Fails as often as it is told to, and tells when it was done so many times."""

    def __init__(self, failures: list[Exception], times: int) -> None:
        self.failures = failures
        self.times = times
        self.count = 0
        self.done = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        if self.count >= self.times:
            self.done.set()
        if self.failures:
            raise self.failures.pop(0)


def test_it_goes_on_after_what_it_raises_and_says_each_trouble_once(caplog: pytest.LogCaptureFixture) -> None:
    locked = StoreError("the database is locked")
    chore = Chore([locked, locked, ValueError("a bug"), locked], times=7)
    with caplog.at_level(logging.INFO), Repeating("chores", 0.001, chore) as thread:
        assert chore.done.wait(WAIT_S)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "chores: the database is locked",
        "chores: ValueError: a bug",
        "chores: the database is locked",
        "chores: works again",
    ]
    assert thread.trouble is None


def test_the_first_time_comes_at_once_only_where_it_is_asked_for() -> None:
    soon, later = Chore([], 1), Chore([], 1)
    with Repeating("soon", 3600.0, soon, at_once=True), Repeating("later", 3600.0, later):
        assert soon.done.wait(WAIT_S)
    assert later.count == 0


def test_the_end_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(repeating, "STOP_TIMEOUT_S", 0.05)
    reached, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        let_go.wait(WAIT_S)

    with Repeating("chores", 3600.0, hang, at_once=True):
        assert reached.wait(WAIT_S)
    let_go.set()
    assert "no longer waiting" in caplog.text


def test_one_that_never_began_can_be_stopped() -> None:
    Repeating("chores", 1.0, Chore([], 1)).stop()
