"""A network at work on a GPU: a batch's way through its buffers, on its stream, plainly or as a graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from engines.arrays import F32, Batch
from engines.backends.base import TensorSpec
from engines.backends.cuda.buffers import DeviceBudget, NetworkBuffers
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.graphs import Bound, Graphs, Key
from engines.backends.cuda.network import Network, Runner, Shapes
from engines.build.tensorrt_profiles import Profile, Shape, best_profile
from engines.errors import BackendError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuLimits:
    """How an engine works on a GPU."""

    gpu: int = 0
    """its index"""
    memory_bytes: int = 4 << 30
    """of one engine, weights included; a bound, and no figure of what it takes"""
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    """a batch is filled up to the next of these, so that few graphs serve all; what fills up means nothing"""
    graphs: int = 8
    """captured shapes at most; 0: none"""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a batch that go through the network in one run."""

    start: int
    stop: int
    size: int
    """rows that are run: `stop - start`, and what fills up"""


class Session:
    """What an open engine holds; every call is made inside the driver's `current`, by one thread at a time."""

    def __init__(
        self,
        name: str,
        driver: Driver,
        network: Network,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        limits: GpuLimits,
    ) -> None:
        """`name` is what errors call the engine. Raises BackendError where the weights exceed the budget."""
        self.budget = DeviceBudget(name, limits.memory_bytes)
        self.budget.take(network.weights_bytes, "weights")
        self._name = name
        self._driver = driver
        self._network = network
        self._inputs = inputs
        self._outputs = outputs
        self._limits = limits
        self._buffers = NetworkBuffers(driver, self.budget, [spec.name for spec in (*inputs, *outputs)])
        self._graphs = Graphs(driver, limits.graphs, name)
        self._plain: dict[int, Runner] = {}
        self._last: tuple[Key, Bound] | None = None
        """what a plain runner was bound to last"""
        self.stream = driver.new_stream()

    def parts(self, rows: int, item: Shape) -> tuple[Part, ...]:
        """How a batch of `rows` of this shape goes through: cut where no profile takes as many, filled up.

        Raises BackendError where no profile takes the shape.
        """
        fitting, most = self._fitting(item), self.most_rows(item)
        least = min(each.min_shape[0] for each in fitting)
        parts = []
        for start in range(0, rows, most):
            stop = min(start + most, rows)
            size = min(
                (size for size in self._limits.sizes if size >= max(stop - start, least)), default=most
            )
            parts.append(Part(start, stop, min(size, most)))
        return tuple(parts)

    def most_rows(self, item: Shape) -> int:
        """Rows of this shape that one run takes. Raises BackendError where no profile takes the shape."""
        return max(each.max_shape[0] for each in self._fitting(item))

    def run(self, inputs: Mapping[str, Batch | DeviceArray]) -> dict[str, F32]:
        """Every output for a batch, freshly owned. Raises BackendError; nothing is under way afterwards."""
        shape = inputs[self._inputs[0].name].shape
        results: dict[str, F32] = {}
        for part in self.parts(shape[0], shape[1:]):
            try:
                outputs = self._fetch(part, self._begin(part, inputs))
            except BackendError:
                self._settle()
                raise
            for name, rows in outputs.items():
                if name not in results:
                    results[name] = np.empty((shape[0], *rows.shape[1:]), np.float32)
                results[name][part.start : part.stop] = rows
        return results

    def run_device(self, inputs: Mapping[str, Batch | DeviceArray]) -> dict[str, DeviceArray]:
        """Every output for a batch, left on the device: there when the stream is, and until the next run.

        Raises BackendError, also where the batch is more than one run takes.
        """
        shape = inputs[self._inputs[0].name].shape
        parts = self.parts(shape[0], shape[1:])
        if len(parts) > 1:
            raise BackendError(
                f"{self._name}: a result that stays on the GPU is of one run, {parts[0].size} rows; got {shape[0]}"
            )
        try:
            shapes = self._begin(parts[0], inputs)
        except BackendError:
            self._settle()
            raise
        addresses = self._buffers.addresses
        return {
            spec.name: DeviceArray(
                addresses[spec.name], (shape[0], *shapes[spec.name][1:]), "float32", self._buffers
            )
            for spec in self._outputs
        }

    def close(self) -> None:
        """Give everything back, in the order that its parts need, whatever fails; never raises."""
        self._settle()
        runners = list(self._plain.values())
        self._plain.clear()
        self._last = None
        self._try(self._graphs.clear)
        for runner in runners:
            runner.close()
        self._network.close()
        self._try(self._buffers.free)
        self._try(lambda: self._driver.free_stream(self.stream))

    def _fitting(self, item: Shape) -> list[Profile]:
        """Profiles that take rows of this shape, one at least."""
        profiles = self._network.profiles
        fitting = [each for each in profiles if each.problem((each.min_shape[0], *item)) is None]
        if not fitting:
            best_profile(profiles, (1, *item))  # raises, and says why
        return fitting

    def _begin(self, part: Part, inputs: Mapping[str, Batch | DeviceArray]) -> Shapes:
        """Give the stream all that a part's rows need, and say the outputs' shapes."""
        shapes = {spec.name: (part.size, *inputs[spec.name].shape[1:]) for spec in self._inputs}
        key = tuple(shapes.values())
        captured = self._graphs.find(key)
        if captured is not None:
            self._send(part, inputs)
            self._driver.launch_graph(captured.graph, self.stream)
            return captured.bound.outputs
        if self._graphs.wants(key):
            return self._begin_and_capture(part, inputs, shapes)
        bound = self._plainly_bound(key, shapes)
        self._send(part, inputs)
        bound.runner.enqueue(self.stream)
        return bound.outputs

    def _begin_and_capture(
        self, part: Part, inputs: Mapping[str, Batch | DeviceArray], shapes: Shapes
    ) -> Shapes:
        """As `_begin`, on a runner of its own, whose work is captured afterwards for the next time.

        A run before the capture does what TensorRT puts off until the first run at new shapes.
        """
        key = tuple(shapes.values())
        runner = self._network.runner(best_profile(self._network.profiles, key[0]), self.stream)
        kept = False
        try:
            bound = self._bind(runner, shapes)
            self._send(part, inputs)
            runner.enqueue(self.stream)
            self._driver.synchronise(self.stream)
            kept = self._graphs.capture(key, bound, self.stream)
        finally:
            if not kept:
                self._settle()
                runner.close()
        return bound.outputs

    def _plainly_bound(self, key: Key, shapes: Shapes) -> Bound:
        """The plain runner of the shape's profile, bound to it."""
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        profile = best_profile(self._network.profiles, key[0])
        if profile not in self._plain:
            self._plain[profile] = self._network.runner(profile, self.stream)
        self._last = None
        bound = self._bind(self._plain[profile], shapes)
        self._last = key, bound
        return bound

    def _bind(self, runner: Runner, shapes: Shapes) -> Bound:
        """A runner at these shapes, with memory for them."""
        outputs = runner.take(shapes)
        workspace_bytes = runner.workspace_bytes()
        sizes = {
            spec.name: prod(taken[spec.name]) * np.dtype(spec.element).itemsize
            for specs, taken in ((self._inputs, shapes), (self._outputs, outputs))
            for spec in specs
        }
        if not self._buffers.suffice(sizes, workspace_bytes):
            # Graphs and bound runners know the old addresses, and so does work that `run_device` began.
            self._driver.synchronise(self.stream)
            self._graphs.clear()
            self._last = None
            self._buffers.grow(sizes, workspace_bytes)
        runner.bind(self._buffers.addresses, self._buffers.workspace)
        return Bound(runner, outputs)

    def _send(self, part: Part, inputs: Mapping[str, Batch | DeviceArray]) -> None:
        for spec in self._inputs:
            value = inputs[spec.name]
            if isinstance(value, DeviceArray):
                self._buffers.take_over(spec.name, value, part.start, part.stop, self.stream)
            else:
                self._buffers.send(spec.name, value[part.start : part.stop], self.stream)

    def _fetch(self, part: Part, shapes: Shapes) -> dict[str, F32]:
        """Wait for the rows that mean something; they are overwritten by the next run."""
        rows = part.stop - part.start
        waiting = {}
        for spec in self._outputs:
            shape = (rows, *shapes[spec.name][1:])
            pinned = self._buffers.fetch(spec.name, prod(shape) * np.dtype(np.float32).itemsize, self.stream)
            waiting[spec.name] = pinned.view(np.float32).reshape(shape)
        self._driver.synchronise(self.stream)
        return waiting

    def _settle(self) -> None:
        """Wait for what is under way, where the GPU still answers."""
        self._try(lambda: self._driver.synchronise(self.stream))

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BackendError as error:
            log.debug("%s: on the way out: %s", self._name, error)
