"""The fake behind the driver's protocol: the rules of CUDA, kept strictly; see fake_gpu.py for the device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.arrays import U8
from engines.backends.cuda.driver import (
    DeviceMemory,
    Dim3,
    Event,
    GpuMemory,
    Graph,
    Kernel,
    KernelArgument,
    Module,
    PinnedMemory,
    Stream,
)
from engines.backends.cuda.fake_accounts import FakeAccounts, FakeGraph, FakeModule
from engines.backends.cuda.fake_gpu import (
    FakeEvent,
    FakeKernel,
    FakeLaunch,
    FakeStream,
    MisuseError,
    Place,
    Span,
    Work,
    span_of,
)
from engines.errors import BackendError

MOST_THREADS = 1024
"""a block's, on every GPU since Fermi (CUDA C++ Programming Guide, technical specifications)"""


@dataclass(eq=False, slots=True)
class FakeFunction:
    """A kernel and the module it is of."""

    run: FakeKernel
    module: FakeModule


class FakeDriver(FakeAccounts):
    """A driver of a fake GPU; several may share one, as several engines share a real one.

    Work runs when its stream is synchronised, or when an event that is waited for needs it: whoever reads too
    early finds the old bytes.
    """

    def memory(self) -> GpuMemory:
        """Of the whole fake GPU."""
        with self._call("memory"):
            total = self.device.memory_bytes
            return GpuMemory(total - self.device.held_bytes, total)

    def new_stream(self) -> Stream:
        """A stream that has nothing to do."""
        with self._call("new_stream"):
            native = FakeStream(f"stream {self.calls['new_stream']}")
            self.device.streams.append(native)
            self._hold(native.name, native)
            return Stream(id(native), native)

    def free_stream(self, stream: Stream) -> None:
        """Its work must have run."""
        with self._call("free_stream"):
            native: FakeStream = stream.native
            if native.queue:
                raise MisuseError(f"{native.name} is freed before {native.queue[0].name} has run")
            self._release(native)
            self.device.streams.remove(native)

    def synchronise(self, stream: Stream) -> None:
        """Run the stream's work."""
        with self._call("synchronise"):
            self._usable(stream.native)
            self.device.drain(stream.native)

    def new_event(self) -> Event:
        """An event that counts as reached until it is recorded."""
        with self._call("new_event"):
            native = FakeEvent()
            self._hold("an event", native)
            return Event(native)

    def free_event(self, event: Event) -> None:
        """Give it back."""
        with self._call("free_event"):
            self._release(event.native)

    def record(self, event: Event, stream: Stream) -> None:
        """Reached when the stream's work so far has run."""
        native: FakeEvent = event.native
        place = Place(stream.native)

        def reach() -> None:
            place.reached = True

        with self._call("record"):
            self._usable(native)
            native.last = place
            self.device.give(Work("record", reach), stream.native)

    def wait(self, stream: Stream, event: Event) -> None:
        """The stream's work from now on runs after the event."""
        native: FakeEvent = event.native
        with self._call("wait"):
            self._usable(native)
            self.device.give(Work("wait", lambda: None, until=native.last), stream.native)

    def allocate_device(self, size_bytes: int) -> DeviceMemory:
        """Fresh memory, full of rubbish. Raises OutOfDeviceMemoryError."""
        with self._call("allocate_device"):
            block = self.device.allocate(size_bytes)
            self._hold(f"{block.name} of {size_bytes} bytes", block)
            return DeviceMemory(block.span.start, size_bytes, block)

    def free_device(self, memory: DeviceMemory) -> None:
        """Nothing may be under way with it."""
        with self._call("free_device"):
            self._release(memory.native, lambda: self.device.free(memory.native))

    def allocate_pinned(self, size_bytes: int) -> PinnedMemory:
        """Fresh memory, full of rubbish."""
        with self._call("allocate_pinned"):
            block = self.device.allocate_pinned(size_bytes)
            self._hold(block.name, block)
            return PinnedMemory(block.data, block)

    def free_pinned(self, memory: PinnedMemory) -> None:
        """Nothing may be under way with it."""
        with self._call("free_pinned"):
            self._release(memory.native, lambda: self.device.free(memory.native))

    def copy_to_device(self, pointer: int, pinned: U8, stream: Stream) -> None:
        """Copied when the stream runs; `pinned` must not change until then."""
        target = Span(pointer, pinned.nbytes)

        def copy() -> None:
            self.device.bytes_at(pointer, pinned.nbytes)[:] = pinned

        self.enqueue("copy_to_device", copy, stream, (target,), (_host(pinned),), source=pinned)

    def copy_to_host(self, pinned: U8, pointer: int, stream: Stream) -> None:
        """Filled when the stream runs, and holds what it held until then."""
        source = Span(pointer, pinned.nbytes)

        def copy() -> None:
            pinned[:] = self.device.bytes_at(pointer, pinned.nbytes)

        self.enqueue("copy_to_host", copy, stream, (source,), (_host(pinned),))

    def copy_on_device(self, target: int, source: int, size_bytes: int, stream: Stream) -> None:
        """Copied when the stream runs."""

        def copy() -> None:
            self.device.bytes_at(target, size_bytes)[:] = self.device.bytes_at(source, size_bytes).copy()

        self.enqueue("copy_on_device", copy, stream, (Span(target, size_bytes), Span(source, size_bytes)))

    def fill(self, pointer: int, value: int, size_bytes: int, stream: Stream) -> None:
        """Set when the stream runs."""

        def fill() -> None:
            self.device.bytes_at(pointer, size_bytes)[:] = value

        self.enqueue("fill", fill, stream, (Span(pointer, size_bytes),))

    def enqueue(
        self,
        name: str,
        run: Callable[[], None],
        stream: Stream,
        device: tuple[Span, ...] = (),
        host: tuple[Span, ...] = (),
        source: U8 | None = None,
    ) -> None:
        """Give a stream any work: what a library beside the driver does there, such as a fake TensorRT."""
        with self._call(name, works=True):
            self._usable(stream.native)
            self.device.give(Work(name, run, device, host, source), stream.native)

    def load_module(self, image: bytes) -> Module:
        """Any image will do."""
        with self._call("load_module"):
            native = FakeModule()
            self._hold(f"a module of {len(image)} bytes", native)
            return Module(native)

    def unload_module(self, module: Module) -> None:
        """Its kernels are gone."""
        with self._call("unload_module"):
            self._release(module.native)

    def kernel(self, module: Module, name: str) -> Kernel:
        """A function of the GPU's `kernels`. Raises BackendError where there is none of that name."""
        with self._call("kernel"):
            self._usable(module.native)
            if name not in self.device.kernels:
                raise BackendError(
                    f"the module has no kernel {name}; it has: {', '.join(self.device.kernels)}"
                )
            return Kernel(name, FakeFunction(self.device.kernels[name], module.native))

    def launch(
        self,
        kernel: Kernel,
        grid: Dim3,
        block: Dim3,
        arguments: Sequence[KernelArgument],
        stream: Stream,
        shared_bytes: int = 0,
    ) -> None:
        """The function is called when the stream runs."""
        function: FakeFunction = kernel.native
        self._usable(function.module)
        threads = block.x * block.y * block.z
        if threads > MOST_THREADS or min(grid.x, grid.y, grid.z, threads) < 1:
            raise MisuseError(f"{kernel.name}: {grid} blocks of {block} threads cannot be launched")
        if not all(isinstance(argument, np.number) for argument in arguments):
            raise MisuseError(f"{kernel.name}: every argument must be a numpy number, which has a width")
        launch = FakeLaunch(grid, block, tuple(arguments), shared_bytes, self.device)
        self.enqueue("launch", lambda: function.run(launch), stream)

    def begin_capture(self, stream: Stream) -> None:
        """Work given to the stream is written down from now on."""
        with self._call("begin_capture"):
            native: FakeStream = stream.native
            self._usable(native)
            native.captured, native.captured_by, native.spoilt = [], threading.get_ident(), False

    def end_capture(self, stream: Stream) -> Graph:
        """What was written down. Raises BackendError where a call failed in between; ended it is in any case."""
        native: FakeStream = stream.native
        with self.device.lock:
            if native.captured is None or native.captured_by != threading.get_ident():
                raise MisuseError(f"a capture of {native.name} is ended that this thread did not begin")
            works, native.captured = tuple(native.captured), None
        with self._call("end_capture"):
            if native.spoilt:
                raise BackendError("the capture was spoilt by a call that failed in between")
            graph = FakeGraph(works)
            self._hold(f"a graph of {len(works)}", graph)
            return Graph(graph)

    def launch_graph(self, graph: Graph, stream: Stream) -> None:
        """The captured work, given to the stream."""
        with self._call("launch_graph"):
            self._usable(graph.native)
            for work in graph.native.works:
                self.device.give(replace(work, holds=graph.native), stream.native)

    def free_graph(self, graph: Graph) -> None:
        """No launch of it may be under way."""
        with self._call("free_graph"):
            if any(work.holds is graph.native for each in self.device.streams for work in each.queue):
                raise MisuseError("a graph is freed before it has run")
            self._release(graph.native)


def _host(pinned: U8) -> Span:
    if pinned.dtype != np.uint8 or not pinned.flags.c_contiguous:
        raise MisuseError(f"a copy takes bytes in a row, got {pinned.dtype} {pinned.shape} {pinned.strides}")
    return span_of(pinned)
