"""CUDA graphs for the shapes that come again: a network of 150 kernels is then one launch."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

from engines.backends.cuda.driver import Driver, Graph, Stream
from engines.backends.cuda.network import Runner, Shapes
from engines.build.tensorrt_profiles import Shape
from engines.errors import BackendError

log = logging.getLogger(__name__)

Key = tuple[Shape, ...]
"""the inputs' shapes"""
COMMON_FROM = 2
"""a shape seen that often is worth a graph and a context of its own: most shapes that come twice come always"""


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A runner with its shapes and addresses."""

    runner: Runner
    outputs: Shapes


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A graph and the runner whose state it reads, which nothing else may change."""

    graph: Graph
    bound: Bound


class Graphs:
    """The graphs of one engine, at most `limit`; shapes beyond run plainly."""

    def __init__(self, driver: Driver, limit: int, name: str) -> None:
        """`name` is what the log calls the engine; `limit` 0: no graphs."""
        self._driver = driver
        self._limit = limit
        self._name = name
        self._seen: Counter[Key] = Counter()
        self._captured: dict[Key, Captured] = {}
        self._refused = False

    def __len__(self) -> int:
        return len(self._captured)

    def find(self, key: Key) -> Captured | None:
        """The graph of a shape."""
        return self._captured.get(key)

    def wants(self, key: Key) -> bool:
        """Counts a run of this shape; True: it is common, has no graph, and there is room for one."""
        if self._refused or len(self._captured) >= self._limit:
            return False
        self._seen[key] += 1
        return self._seen[key] >= COMMON_FROM

    def capture(self, key: Key, bound: Bound, stream: Stream) -> bool:
        """Capture a runner that has run once as it is bound, so that TensorRT has nothing left to prepare.

        Nothing may be under way on the stream. Where it cannot be captured a warning says so, once, nothing is
        captured from then on, and False is returned: the runner is the caller's.
        """
        try:
            if not bound.runner.can_capture(stream):
                raise BackendError("TensorRT says that its work cannot be captured")
            graph = self._captured_work(bound.runner, stream)
        except BackendError as error:
            self._refused = True
            log.warning("%s runs without CUDA graphs: %s", self._name, error)
            return False
        self._captured[key] = Captured(graph, bound)
        return True

    def clear(self) -> None:
        """Free all; nothing may be under way. Raises BackendError after it has tried each."""
        captured, self._captured = list(self._captured.values()), {}
        problems = []
        for each in captured:
            try:
                self._driver.free_graph(each.graph)
            except BackendError as error:
                problems.append(error)
            each.bound.runner.close()
        if problems:
            raise problems[0]

    def _captured_work(self, runner: Runner, stream: Stream) -> Graph:
        self._driver.begin_capture(stream)
        try:
            runner.enqueue(stream)
        except BackendError:
            self._abandon(stream)
            raise
        return self._driver.end_capture(stream)

    def _abandon(self, stream: Stream) -> None:
        """A capture that is begun must be ended, or the stream takes no other work."""
        try:
            self._driver.free_graph(self._driver.end_capture(stream))
        except BackendError as error:
            log.debug("%s: the abandoned capture: %s", self._name, error)
