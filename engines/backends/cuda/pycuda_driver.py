"""PyCUDA behind the driver's protocol; the only place that imports it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

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
    OutOfDeviceMemoryError,
    PinnedMemory,
    Stream,
)
from engines.backends.cuda.libcuda import Libcuda, libcuda
from engines.errors import BackendError

NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: the stream does not wait for the legacy default stream, nor that for it"""
NO_TIMING = 2
"""CU_EVENT_DISABLE_TIMING: an event that only orders costs less"""


def has_pycuda() -> bool:
    """Whether PyCUDA is installed; it is not imported."""
    return find_spec("pycuda") is not None


class PycudaDriver:
    """The primary context of a GPU, as torch, TensorRT and the decoder use it too.

    A context of its own would cost hundreds of megabytes, and the GPU would run one context's work at a time.
    `close` is called outside of `current` of any driver: PyCUDA keeps one stack of contexts a thread.
    """

    def __init__(self, gpu: int = 0) -> None:
        self.gpu = gpu
        self._cuda: Any = None
        self._context: Any = None

    def open(self) -> None:
        """Retain the primary context. Raises BackendError where PyCUDA or the GPU is missing."""
        try:
            cuda = import_module("pycuda.driver")
        except ImportError as error:
            raise BackendError(f"PyCUDA cannot be imported: {error}; install requirements-gpu.txt") from error
        self._cuda = cuda
        with self._said("open"):
            cuda.init()
            self._context = cuda.Device(self.gpu).retain_primary_context()

    def close(self) -> None:
        """Release the primary context; it ends where nobody else in the process holds it."""
        context, self._context = self._context, None
        if context is None:
            return
        try:
            # PyCUDA releases a context that is current from any thread, and any other from the thread that
            # retained it alone; and it leaves a primary context that it released on the driver's own stack.
            context.push()
            context.detach()
            self._library.pop_context()
        except (self._cuda.Error, BackendError):
            return  # a context that an error on the GPU has spoilt cannot be given back; the process ends it

    @contextmanager
    def current(self) -> Iterator[None]:
        """Pushed and popped: PyCUDA aborts the process if a thread ends with a context on its stack."""
        if self._context is None:
            raise BackendError(f"the driver of GPU {self.gpu} is not open")
        self._context.push()
        try:
            yield
        finally:
            self._cuda.Context.pop()

    def memory(self) -> GpuMemory:
        """cuMemGetInfo."""
        with self._said("memory"):
            free, total = self._cuda.mem_get_info()
        return GpuMemory(int(free), int(total))

    def new_stream(self) -> Stream:
        """A stream that the default stream has nothing to do with."""
        with self._said("new_stream"):
            native = self._cuda.Stream(NON_BLOCKING)
        return Stream(int(native.handle), native)

    def free_stream(self, stream: Stream) -> None:
        """The stream is destroyed with its last reference, in the thread and context that drop it."""

    def synchronise(self, stream: Stream) -> None:
        """Wait without the interpreter's lock."""
        with self._said("synchronise"):
            stream.native.synchronize()

    def new_event(self) -> Event:
        """An event that orders and does not measure."""
        with self._said("new_event"):
            return Event(self._cuda.Event(NO_TIMING))

    def free_event(self, event: Event) -> None:
        """The event is destroyed with its last reference."""

    def record(self, event: Event, stream: Stream) -> None:
        """cuEventRecord."""
        with self._said("record"):
            event.native.record(stream.native)

    def wait(self, stream: Stream, event: Event) -> None:
        """cuStreamWaitEvent."""
        with self._said("wait"):
            stream.native.wait_for_event(event.native)

    def allocate_device(self, size_bytes: int) -> DeviceMemory:
        """cuMemAlloc. Raises OutOfDeviceMemoryError."""
        with self._said("allocate_device"):
            native = self._cuda.mem_alloc(size_bytes)
        return DeviceMemory(int(native), size_bytes, native)

    def free_device(self, memory: DeviceMemory) -> None:
        """cuMemFree, which waits for work under way."""
        with self._said("free_device"):
            memory.native.free()

    def allocate_pinned(self, size_bytes: int) -> PinnedMemory:
        """cuMemHostAlloc."""
        with self._said("allocate_pinned"):
            array = self._cuda.pagelocked_empty(size_bytes, np.uint8)
        return PinnedMemory(array, array.base)

    def free_pinned(self, memory: PinnedMemory) -> None:
        """cuMemFreeHost."""
        with self._said("free_pinned"):
            memory.native.free()

    def copy_to_device(self, pointer: int, pinned: U8, stream: Stream) -> None:
        """cuMemcpyHtoDAsync."""
        with self._said("copy_to_device"):
            self._cuda.memcpy_htod_async(pointer, pinned, stream.native)

    def copy_to_host(self, pinned: U8, pointer: int, stream: Stream) -> None:
        """cuMemcpyDtoHAsync."""
        with self._said("copy_to_host"):
            self._cuda.memcpy_dtoh_async(pinned, pointer, stream.native)

    def copy_on_device(self, target: int, source: int, size_bytes: int, stream: Stream) -> None:
        """cuMemcpyDtoDAsync."""
        with self._said("copy_on_device"):
            self._cuda.memcpy_dtod_async(target, source, size_bytes, stream.native)

    def fill(self, pointer: int, value: int, size_bytes: int, stream: Stream) -> None:
        """cuMemsetD8Async."""
        with self._said("fill"):
            self._cuda.memset_d8_async(pointer, value, size_bytes, stream.native)

    def load_module(self, image: bytes) -> Module:
        """cuModuleLoadDataEx."""
        with self._said("load_module"):
            return Module(self._cuda.module_from_buffer(image))

    def unload_module(self, module: Module) -> None:
        """The module is unloaded with its last reference."""

    def kernel(self, module: Module, name: str) -> Kernel:
        """cuModuleGetFunction."""
        with self._said("kernel"):
            return Kernel(name, module.native.get_function(name))

    def launch(
        self,
        kernel: Kernel,
        grid: Dim3,
        block: Dim3,
        arguments: Sequence[KernelArgument],
        stream: Stream,
        shared_bytes: int = 0,
    ) -> None:
        """cuLaunchKernel; PyCUDA aligns the arguments as C does."""
        with self._said(f"launch of {kernel.name}"):
            kernel.native(
                *arguments,
                grid=(grid.x, grid.y, grid.z),
                block=(block.x, block.y, block.z),
                stream=stream.native,
                shared=shared_bytes,
            )

    def begin_capture(self, stream: Stream) -> None:
        """cuStreamBeginCapture, by ctypes: PyCUDA has no graphs."""
        self._library.begin_capture(stream.handle)

    def end_capture(self, stream: Stream) -> Graph:
        """cuStreamEndCapture and cuGraphInstantiate."""
        return Graph(self._library.end_capture(stream.handle))

    def launch_graph(self, graph: Graph, stream: Stream) -> None:
        """cuGraphLaunch."""
        self._library.launch_graph(graph.native, stream.handle)

    def free_graph(self, graph: Graph) -> None:
        """cuGraphExecDestroy."""
        self._library.free_graph(graph.native)

    @property
    def _library(self) -> Libcuda:
        return libcuda()

    @contextmanager
    def _said(self, call: str) -> Iterator[None]:
        """PyCUDA's errors in our words."""
        try:
            yield
        except self._cuda.MemoryError as error:
            raise OutOfDeviceMemoryError(f"GPU {self.gpu} is out of memory: {error}") from error
        except self._cuda.Error as error:
            raise BackendError(f"GPU {self.gpu}: {call}: {error}") from error
