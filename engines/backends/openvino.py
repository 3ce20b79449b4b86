"""OpenVINO on the processor.

A row's bits depend neither on the batch it is in nor on the number of threads, at fp32 and at bf16. Replays
rely on that, and tests/engines/backends/test_openvino.py holds it on the machine it runs on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.engine_base import EngineBase
from engines.backends.openvino_module import import_openvino
from engines.errors import BackendError

HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenvinoEngine(EngineBase):
    """A network in OpenVINO's representation, or ONNX, run by OpenVINO."""

    def __init__(
        self,
        network: Path,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        info: EngineInfo,
        threads: int = 0,
    ) -> None:
        """`threads` of one call; 0: all cores."""
        super().__init__(network.parent.name, inputs, outputs, info)
        self._network = network
        self._threads = threads
        self._request: Any = None

    def _load(self) -> None:
        openvino = import_openvino()
        properties: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": HINTS[self.info.precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        if self._threads:
            properties["INFERENCE_NUM_THREADS"] = self._threads
        try:
            compiled = openvino.Core().compile_model(self._network, "CPU", properties)
            self._request = compiled.create_infer_request()
        except RuntimeError as error:
            raise BackendError(
                f"OpenVINO cannot open {self._network}: {_last_line(error)}; delete its folder to build it anew"
            ) from error

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        try:
            # Inputs are read where they are; outputs are copied, since the next batch is written over them.
            results = self._request.infer(dict(inputs), share_inputs=True, share_outputs=False)
        except RuntimeError as error:
            raise BackendError(f"{self.name}: OpenVINO could not run it: {_last_line(error)}") from error
        return {spec.name: results[spec.name] for spec in self.outputs}

    def _unload(self) -> None:
        self._request = None


def _last_line(error: RuntimeError) -> str:
    """OpenVINO's messages begin with places in its source and end with the reason."""
    return str(error).strip().splitlines()[-1]
