"""The driver library itself, by ctypes: for what PyCUDA has no call for, and to ask for GPUs without it.

PyCUDA 2026.1 knows no stream capture and no graphs. Names, argument types and numbers are those of cuda.h
(CUDA Driver API, 12.0 and later).
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from functools import cache
from typing import Any

from engines.errors import BackendError

LIBRARY = "libcuda.so.1"
"""comes with NVIDIA's kernel module, not with CUDA"""

CAPTURE_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do meanwhile does not spoil the capture"""

_SIGNATURES: dict[str, list[Any]] = {
    "cuInit": [c_uint],
    "cuGetErrorString": [c_int, POINTER(c_char_p)],
    "cuDeviceGetCount": [POINTER(c_int)],
    "cuDeviceGet": [POINTER(c_int), c_int],
    "cuDeviceGetName": [c_char_p, c_int, c_int],
    "cuDeviceGetAttribute": [POINTER(c_int), c_int, c_int],
    "cuDeviceTotalMem_v2": [POINTER(c_size_t), c_int],
    "cuCtxPopCurrent_v2": [POINTER(c_void_p)],
    "cuStreamBeginCapture_v2": [c_void_p, c_int],
    "cuStreamEndCapture": [c_void_p, POINTER(c_void_p)],
    "cuGraphInstantiateWithFlags": [POINTER(c_void_p), c_void_p, c_ulonglong],
    "cuGraphLaunch": [c_void_p, c_void_p],
    "cuGraphDestroy": [c_void_p],
    "cuGraphExecDestroy": [c_void_p],
}


class Libcuda:
    """The calls that are used, with their errors as BackendError."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name, arguments in _SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, c_int

    def call(self, name: str, *arguments: object) -> None:
        """Call a function of the library; other threads run meanwhile. Raises BackendError."""
        status: int = getattr(self._library, name)(*arguments)
        if status:
            raise BackendError(f"CUDA: {name}: {self._meaning(status)}")

    def begin_capture(self, stream: int) -> None:
        """What the stream is given from now on becomes a graph; this thread must end it."""
        self.call("cuStreamBeginCapture_v2", stream, CAPTURE_THREAD_LOCAL)

    def end_capture(self, stream: int) -> int:
        """The captured work as a graph that can be launched (CUgraphExec)."""
        graph, executable = c_void_p(), c_void_p()
        self.call("cuStreamEndCapture", stream, byref(graph))
        if not graph.value:
            raise BackendError("CUDA: cuStreamEndCapture: the capture was spoilt by a call that failed")
        try:
            self.call("cuGraphInstantiateWithFlags", byref(executable), graph, 0)
        finally:
            self.call("cuGraphDestroy", graph)
        assert executable.value is not None
        return executable.value

    def launch_graph(self, executable: int, stream: int) -> None:
        """Give the captured work to a stream."""
        self.call("cuGraphLaunch", executable, stream)

    def free_graph(self, executable: int) -> None:
        """Give it back; a launch under way ends first."""
        self.call("cuGraphExecDestroy", executable)

    def pop_context(self) -> None:
        """Take the topmost context from this thread's stack."""
        self.call("cuCtxPopCurrent_v2", byref(c_void_p()))

    def _meaning(self, status: int) -> str:
        text = c_char_p()
        known = self._library.cuGetErrorString(status, byref(text)) == 0 and text.value
        return f"{text.value.decode()} ({status})" if known and text.value else f"error {status}"


@cache
def libcuda() -> Libcuda:
    """The library of this process, begun. Raises BackendError where there is none, or no GPU that it can use."""
    try:
        library = Libcuda(ctypes.CDLL(LIBRARY))
    except OSError:
        raise BackendError(f"no NVIDIA driver: {LIBRARY} is not installed") from None
    except AttributeError as error:
        raise BackendError(f"the NVIDIA driver is too old: {error}; CUDA 12 is needed") from None
    library.call("cuInit", 0)
    return library
