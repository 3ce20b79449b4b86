"""Batches made ahead of time by threads, in the order of their steps, whatever thread is quicker."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from engines.training.objective import Batch
from engines.training.sampler import CHANGES, BatchPlan, stream
from engines.training.sources import FaceSource


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch and what the network is shown of it."""

    batch: Batch
    inputs: Tensor
    """(B, ...) float32"""


@contextmanager
def prepared(
    source: FaceSource, plan: BatchPlan, first_step: int, steps: int, threads: int
) -> Iterator[Iterator[Prepared]]:
    """The batches of steps `first_step` to `steps`, at most `threads` + 1 of them ahead of the one in use.

    What a batch is follows from its step alone, so that threads decide when it is ready and nothing else.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")
    try:
        yield _in_order(pool, source, plan, range(first_step, steps + 1), threads + 1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, source: FaceSource, plan: BatchPlan, steps: range, ahead: int
) -> Iterator[Prepared]:
    waiting: deque[Future[Prepared]] = deque()
    for step in steps:
        waiting.append(pool.submit(_prepare, source, plan, step))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _prepare(source: FaceSource, plan: BatchPlan, step: int) -> Prepared:
    batch = plan.batch(step)
    return Prepared(batch, source.inputs(batch.rows, stream(plan.seed, CHANGES, step)))
