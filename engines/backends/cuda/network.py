"""What is asked of a library that runs networks on a stream (TensorRT), so that all else works without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engines.backends.cuda.driver import DeviceMemory, Stream
from engines.build.tensorrt_profiles import Profile, Shape

Shapes = Mapping[str, Shape]
"""by the tensor's name"""


class Runner(Protocol):
    """One execution context: a network with shapes and addresses, in one optimisation profile.

    `take`, then `bind`, then `enqueue` as often as wanted. Once a capture of `enqueue` is to be launched, the
    runner is left as it is: TensorRT's captured work reads the context's state.
    """

    def take(self, inputs: Shapes) -> dict[str, Shape]:
        """Take on the inputs' shapes and say the outputs'. Raises BackendError."""
        ...

    def workspace_bytes(self) -> int:
        """Memory for what is between the inputs and the outputs, at the shapes taken."""
        ...

    def bind(self, addresses: Mapping[str, int], workspace: DeviceMemory | None) -> None:
        """Where every tensor and the workspace lie, which may be shared with other runners of the same stream."""
        ...

    def enqueue(self, stream: Stream) -> None:
        """Give the network's work to the stream. Raises BackendError."""
        ...

    def can_capture(self, stream: Stream) -> bool:
        """Whether `enqueue` may be captured, as it is bound now."""
        ...

    def close(self) -> None:
        """Its work has run. Never raises."""
        ...


class Network(Protocol):
    """A network with its weights on a GPU."""

    profiles: tuple[Profile, ...]
    """of its one input, in the engine's order"""
    weights_bytes: int
    """about, on the GPU"""

    def runner(self, profile: int, stream: Stream) -> Runner:
        """A context of its own in a profile. Raises BackendError."""
        ...

    def close(self) -> None:
        """Every runner is closed. Never raises."""
        ...
