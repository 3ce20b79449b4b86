"""Threads that step behind the others."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from pipeline.runtime.priority import BEHIND, step_behind
from tests.runtime.streams import running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_steps_behind_and_no_other() -> None:
    before, told = priority(), list[int]()

    def work() -> None:
        step_behind()
        told.append(priority())

    with running(work):
        pass
    assert told == [min(19, before + BEHIND)]
    assert priority() == before


def test_nobody_is_behind_the_last() -> None:
    told = list[int]()

    def work() -> None:
        for _ in range(3):
            step_behind()
        told.append(priority())

    with running(work):
        pass
    assert told == [19]
