"""Batches made ahead: in order, bounded, the same whatever thread made them, and ended with their user."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.arrays import I64
from engines.training.preparing import prepared
from engines.training.sampler import BatchSize, plan_batches
from tests.engines.training.small import faces

SOURCE = faces(12, 4)
PLAN = plan_batches(SOURCE.people, BatchSize(4, 2, 0), seed=3)


class Gated:
    """A source whose first batch waits until the second was asked for, on another thread."""

    def __init__(self) -> None:
        self.people = SOURCE.people
        self.fingerprint = SOURCE.fingerprint
        self.asked = 0
        self._second = threading.Event()
        self._lock = threading.Lock()

    def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
        with self._lock:
            self.asked += 1
            number = self.asked
        if number == 1:
            assert self._second.wait(10.0)
        else:
            self._second.set()
        return SOURCE.inputs(rows, random)

    def plain(self, rows: I64) -> Tensor:
        return SOURCE.plain(rows)


def test_batches_come_in_order_whatever_thread_is_quicker() -> None:
    with prepared(SOURCE, PLAN, 1, 9, threads=1) as batches:
        wanted = list(batches)
    with prepared(Gated(), PLAN, 1, 9, threads=3) as batches:
        found = list(batches)

    assert len(found) == 9
    for step, (ours, theirs) in enumerate(zip(found, wanted, strict=True), 1):
        np.testing.assert_array_equal(ours.batch.rows, PLAN.batch(step).rows)
        assert torch.equal(ours.inputs, theirs.inputs)


def test_a_later_start_gives_the_same_batches() -> None:
    with prepared(SOURCE, PLAN, 1, 9, threads=2) as batches:
        wanted = list(batches)[5:]
    with prepared(SOURCE, PLAN, 6, 9, threads=2) as batches:
        assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(batches, wanted, strict=True))


def test_not_more_is_made_than_was_asked_for_and_none_after_the_end() -> None:
    source = Gated()
    with prepared(source, PLAN, 1, 1000, threads=2) as batches:
        for _ in range(3):
            next(batches)
        assert source.asked <= 3 + 2 + 1
    ended_at = source.asked
    with pytest.raises(RuntimeError, match="after shutdown"):
        next(batches)
    assert source.asked == ended_at


def test_no_steps_give_no_batches() -> None:
    with prepared(SOURCE, PLAN, 41, 40, threads=2) as batches:
        assert list(batches) == []
