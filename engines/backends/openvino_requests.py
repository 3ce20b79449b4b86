"""A compiled network and its requests: parts of a batch in flight at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engines.arrays import F32, Batch


class OpenvinoRequests:
    """Runs batches in parts on a network that OpenVINO compiled; for one thread at a time."""

    def __init__(self, compiled: Any, outputs: Sequence[str]) -> None:
        """`compiled` is an openvino.CompiledModel. Raises RuntimeError where it has no such output."""
        self._compiled = compiled
        self._ports = {name: compiled.output(name) for name in outputs}
        self._requests: list[Any] = []

    def run(self, inputs: Mapping[str, Batch], parts: Sequence[slice]) -> dict[str, F32]:
        """Every output over all rows, freshly owned. Raises RuntimeError.

        As many parts run at once as the network has streams; the others wait for one to become free.
        """
        while len(self._requests) < len(parts):
            self._requests.append(self._compiled.create_infer_request())
        started: list[Any] = []
        try:
            for request, rows in zip(self._requests, parts, strict=False):
                # Rows are read where they are; the request keeps them alive.
                request.start_async({name: value[rows] for name, value in inputs.items()}, share_inputs=True)
                started.append(request)
            return self._gathered(parts)
        finally:
            # Also after a failure: a request that still runs reads the caller's rows and takes no new ones.
            for request in started:
                _end(request)

    def _gathered(self, parts: Sequence[slice]) -> dict[str, F32]:
        """Outputs of all parts, each copied while later parts run: a request's next run is written over its own."""
        gathered: dict[str, F32] = {}
        for request, rows in zip(self._requests, parts, strict=False):
            request.wait()
            for name, port in self._ports.items():
                value = request.get_tensor(port).data
                if len(parts) == 1:
                    gathered[name] = np.array(value, np.float32)
                    continue
                if name not in gathered:
                    gathered[name] = np.empty((parts[-1].stop, *value.shape[1:]), np.float32)
                gathered[name][rows] = value
        return gathered


def _end(request: Any) -> None:
    """Wait until a request does nothing any more; why it failed has been said."""
    try:
        request.wait()
    except RuntimeError:
        return
