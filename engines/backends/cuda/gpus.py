"""Which GPUs are here, asked of the driver's library alone: nothing heavy is imported, no context is made."""

from __future__ import annotations

from ctypes import byref, c_int, c_size_t, create_string_buffer
from dataclasses import dataclass

from engines.backends.cuda.libcuda import Libcuda, libcuda
from engines.errors import BackendError

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as CUDA counts them (CUDA_VISIBLE_DEVICES chooses and orders)."""

    index: int
    name: str
    compute_capability: str
    """"9.0" """
    memory_bytes: int
    """in all, not what is free"""

    def __str__(self) -> str:
        memory = f"{self.memory_bytes / 2**30:.0f} GiB"
        return f"GPU {self.index}: {self.name}, compute capability {self.compute_capability}, {memory}"


@dataclass(frozen=True, slots=True)
class GpusHere:
    """All GPUs, or why there is none."""

    gpus: tuple[Gpu, ...]
    reason: str
    """of there being none; otherwise empty"""

    def at(self, index: int) -> Gpu:
        """The GPU of an index. Raises BackendError, which lists what there is."""
        for gpu in self.gpus:
            if gpu.index == index:
                return gpu
        there = "; ".join(map(str, self.gpus)) or f"none ({self.reason})"
        raise BackendError(f"there is no GPU {index}; there is: {there}")

    def found(self, index: int) -> Gpu | str:
        """The GPU of an index, or in a few words why it is not there."""
        if not self.gpus:
            return f"no GPU: {self.reason}"
        try:
            return self.at(index)
        except BackendError as error:
            return str(error)


def gpus_here() -> GpusHere:
    """The GPUs that this process may use; never raises."""
    try:
        library = libcuda()
        count = c_int()
        library.call("cuDeviceGetCount", byref(count))
        gpus = tuple(_gpu(library, index) for index in range(count.value))
    except BackendError as error:
        return GpusHere((), str(error))
    return GpusHere(gpus, "" if gpus else "the NVIDIA driver shows no GPU; CUDA_VISIBLE_DEVICES may hide it")


def _gpu(library: Libcuda, index: int) -> Gpu:
    device, major, minor = c_int(), c_int(), c_int()
    memory, name = c_size_t(), create_string_buffer(256)
    library.call("cuDeviceGet", byref(device), index)
    library.call("cuDeviceGetName", name, len(name), device)
    library.call("cuDeviceGetAttribute", byref(major), _CAPABILITY_MAJOR, device)
    library.call("cuDeviceGetAttribute", byref(minor), _CAPABILITY_MINOR, device)
    library.call("cuDeviceTotalMem_v2", byref(memory), device)
    return Gpu(index, name.value.decode(), f"{major.value}.{minor.value}", memory.value)
