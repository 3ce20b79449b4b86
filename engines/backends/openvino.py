"""OpenVINO on the processor, several parts of a batch in flight at once.

A row's bits depend neither on the batch it is in, nor on parts, streams and threads, at fp32, bf16 and int8. Replays
rely on that, and tests/engines/backends/test_openvino.py holds it on the machine it runs on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.choose import Mode
from engines.backends.engine_base import EngineBase
from engines.backends.openvino_module import openvino_core
from engines.backends.openvino_requests import OpenvinoRequests
from engines.backends.openvino_streams import Layout, is_better_together, layouts, parts_of
from engines.errors import BackendError

HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""what layers compute in that do not say it themselves; in an int8 network those are few, and fp32 costs nothing"""


class OpenvinoEngine(EngineBase):
    """A network in OpenVINO's representation, or ONNX, run by OpenVINO."""

    def __init__(
        self,
        network: Path,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        info: EngineInfo,
        threads: int = 0,
        streams: int = 0,
        mode: Mode = "throughput",
    ) -> None:
        """`threads` of one call, 0: all cores; `streams` that run beside each other, 0: as measured for `mode`."""
        super().__init__(network.parent.name, inputs, outputs, info)
        self.network = network
        self._layouts = layouts(mode, usable_cores(), threads, streams)
        self._beside: OpenvinoRequests | None = None
        self._together: OpenvinoRequests | None = None
        self._failed = False

    def _load(self) -> None:
        core = openvino_core()
        try:
            network = core.read_model(self.network)
            self._beside = self._compiled(core, network, self._layouts.beside)
            if self._layouts.together is not None:
                self._together = self._compiled(core, network, self._layouts.together)
            self._failed = False
        except RuntimeError as error:
            raise BackendError(
                f"OpenVINO cannot open {self.network}: {_last_line(error)}; delete its folder to build it anew"
            ) from error

    def _compiled(self, core: Any, network: Any, layout: Layout) -> OpenvinoRequests:
        properties = {
            "INFERENCE_PRECISION_HINT": HINTS[self.info.precision],
            "NUM_STREAMS": layout.streams,
            "INFERENCE_NUM_THREADS": layout.threads,
            # Two networks that are both bound to the first core would wait for each other beside an idle one.
            "ENABLE_CPU_PINNING": False,
        }
        return OpenvinoRequests(
            core.compile_model(network, "CPU", properties), [spec.name for spec in self.outputs]
        )

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        if self._failed:
            # A stream that did not take a shape does not take the one before it either (OpenVINO 2026.4).
            self._load()
        try:
            return self._in_parts(inputs)
        except RuntimeError as error:
            self._failed = True
            raise BackendError(f"{self.name}: OpenVINO could not run it: {_last_line(error)}") from error

    def _in_parts(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        assert self._beside is not None  # open
        rows = self._rows(inputs)
        if rows is None:
            return (self._together or self._beside).run(inputs, [slice(None)])
        if self._together is not None and is_better_together(rows, self._layouts.beside):
            return self._together.run(inputs, [slice(0, rows)])
        pixels = max(_pixels(value) for value in inputs.values())
        return self._beside.run(inputs, parts_of(rows, pixels, self._layouts.beside))

    def _rows(self, inputs: Mapping[str, Batch]) -> int | None:
        """Of the batch; None where the network does not say that its inputs' and outputs' rows belong together."""
        firsts = {spec.shape[0] if spec.shape else 1 for spec in (*self.inputs, *self.outputs)}
        counts = {len(value) for value in inputs.values()}
        if len(firsts) == 1 and len(counts) == 1 and isinstance(firsts.pop(), str):
            return counts.pop()
        return None

    def _unload(self) -> None:
        self._beside = self._together = None


def usable_cores() -> int:
    """Cores that this process may use; the second thread of a core adds next to nothing to matrix products."""
    import psutil

    allowed = len(os.sched_getaffinity(0))
    physical: int | None = psutil.cpu_count(logical=False)
    return allowed if physical is None else min(allowed, physical)


def _pixels(images: Batch) -> int:
    """Of one row (h, w, channels)."""
    return max(1, images.size // (len(images) * int(images.shape[-1])))


def _last_line(error: RuntimeError) -> str:
    """OpenVINO's messages begin with places in its source and end with the reason."""
    return str(error).strip().splitlines()[-1]
