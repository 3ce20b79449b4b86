"""A network that is a Python function, on the fake driver: what TensorRT does there, with its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from engines.arrays import F32, Batch
from engines.backends.base import TensorSpec
from engines.backends.cuda.driver import DeviceMemory, Stream
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import MisuseError, Span
from engines.backends.cuda.network import Shapes
from engines.build.tensorrt_profiles import Profile, Shape
from engines.errors import BackendError

Function = Callable[[Mapping[str, Batch]], Mapping[str, F32]]
RUBBISH = 0xEE


class FakeRunner:
    """An execution context: remembers what it was bound to, and that a capture relies on it."""

    def __init__(self, network: FakeNetwork, profile: int) -> None:
        self._network = network
        self._profile = profile
        self._shapes: dict[str, Shape] = {}
        self._outputs: dict[str, Shape] = {}
        self._addresses: dict[str, int] = {}
        self._workspace: Span | None = None
        self._state = 0
        """counts changes: captured work is good for one state"""
        self._closed = False

    def take(self, inputs: Shapes) -> dict[str, Shape]:
        """Shapes within the profile."""
        self._open()
        profile = self._network.profiles[self._profile]
        problem = profile.problem(inputs[profile.tensor])
        if problem is not None:
            raise BackendError(f"fake network: {problem}")
        self._state += 1
        self._shapes = dict(inputs)
        zeros = {spec.name: np.zeros(inputs[spec.name], spec.element) for spec in self._network.inputs}
        self._outputs = {name: value.shape for name, value in self._network.function(zeros).items()}
        return dict(self._outputs)

    def workspace_bytes(self) -> int:
        """As many bytes a row as the network was made with."""
        return (
            self._network.workspace_row_bytes * self._shapes[self._network.profiles[self._profile].tensor][0]
        )

    def bind(self, addresses: Mapping[str, int], workspace: DeviceMemory | None) -> None:
        """Every tensor and enough workspace."""
        self._open()
        if addresses.keys() != {spec.name for spec in (*self._network.inputs, *self._network.outputs)}:
            raise MisuseError(f"a runner is bound to {sorted(addresses)}")
        if self.workspace_bytes() > (0 if workspace is None else workspace.size_bytes):
            raise MisuseError("a runner is bound to less workspace than it asked for")
        self._state += 1
        self._addresses = dict(addresses)
        self._workspace = None if workspace is None else Span(workspace.pointer, self.workspace_bytes())

    def enqueue(self, stream: Stream) -> None:
        """Calls the function when the stream runs; the workspace is rubbish afterwards."""
        self._open()
        if not self._addresses:
            raise MisuseError("a runner is enqueued before it is bound")
        state, network, gpu = self._state, self._network, self._network.driver.device
        inputs = {spec.name: self._span(spec, self._shapes) for spec in network.inputs}
        outputs = {spec.name: self._span(spec, self._outputs) for spec in network.outputs}
        elements = {spec.name: spec.element for spec in network.inputs}

        def run() -> None:
            self._open()
            if self._state != state:
                raise MisuseError("captured work of a runner runs after the runner was bound anew")
            if self._workspace is not None:
                gpu.bytes_at(self._workspace.start, self._workspace.size)[:] = RUBBISH
            values = {
                name: gpu.bytes_at(span.start, span.size).view(elements[name]).reshape(self._shapes[name])
                for name, span in inputs.items()
            }
            for name, value in network.function(values).items():
                span = outputs[name]
                gpu.bytes_at(span.start, span.size).view(np.float32)[:] = value.ravel()

        workspace = () if self._workspace is None else (self._workspace,)
        spans = (*inputs.values(), *outputs.values(), *workspace)
        network.driver.enqueue("execute", run, stream, spans)

    def can_capture(self, stream: Stream) -> bool:
        """As the network was made."""
        return self._network.capturable

    def close(self) -> None:
        """Its work has run."""
        self._open()
        self._closed = True
        self._network.open_runners -= 1

    def _span(self, spec: TensorSpec, shapes: Shapes) -> Span:
        size = int(np.prod(shapes[spec.name])) * np.dtype(spec.element).itemsize
        return Span(self._addresses[spec.name], size)

    def _open(self) -> None:
        if self._closed:
            raise MisuseError("a runner is used after it was closed")


class FakeNetwork:
    """A function from the inputs to the outputs, by name, for any number of rows."""

    def __init__(
        self,
        driver: FakeDriver,
        function: Function,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        profiles: tuple[Profile, ...],
        weights_bytes: int = 1000,
        workspace_row_bytes: int = 4096,
        capturable: bool = True,
    ) -> None:
        self.driver = driver
        self.function = function
        self.inputs = inputs
        self.outputs = outputs
        self.profiles = profiles
        self.weights_bytes = weights_bytes
        self.workspace_row_bytes = workspace_row_bytes
        self.capturable = capturable
        self.open_runners = 0
        self._weights = driver.allocate_device(weights_bytes)

    def runner(self, profile: int, stream: Stream) -> FakeRunner:
        """A context of its own."""
        self.open_runners += 1
        return FakeRunner(self, profile)

    def close(self) -> None:
        """Gives the weights back; every runner is closed."""
        if self.open_runners:
            raise MisuseError(f"a network is closed before {self.open_runners} of its runners")
        self.driver.free_device(self._weights)
