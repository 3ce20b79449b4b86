"""What this machine can do at most, measured: a large matrix product in OpenVINO at each precision, and a copy."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.backends.openvino_module import import_openvino, openvino_computes, openvino_core

SIDE = 2048
"""of the matrices: 17 10^9 operations, 4 to 16 MB each"""
COPY_MB = 64
"""a thread; far more than any cache"""


@dataclass(frozen=True, slots=True)
class Peaks:
    """The roof."""

    fp32_gops: float
    bf16_gops: float | None
    """None where the processor does not compute it"""
    int8_gops: float
    bandwidth_gb_s: float
    """read and written, all cores at once"""

    def of(self, precision: str) -> float | None:
        """10^9 operations a second at this precision."""
        return {"fp32": self.fp32_gops, "bf16": self.bf16_gops, "int8": self.int8_gops}[precision]


class Measuring:
    """The products, compiled; each `measure` runs all of them once."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        core = openvino_core()
        has_bf16 = "BF16" in openvino_computes()
        self._fp32 = _product(core, "f32", quantised=False)
        self._bf16 = _product(core, "bf16", quantised=False) if has_bf16 else None
        self._int8 = _product(core, "bf16" if has_bf16 else "f32", quantised=True)
        self._from = [np.ones(COPY_MB << 17) for _ in range(cores)]
        self._to = [np.zeros(COPY_MB << 17) for _ in range(cores)]

    def measure(self) -> Peaks:
        """Once."""
        return Peaks(
            _gops(self._fp32),
            None if self._bf16 is None else _gops(self._bf16),
            _gops(self._int8),
            self._copy(),
        )

    def _copy(self) -> float:
        with ThreadPoolExecutor(self._cores) as pool:
            began_s = time.perf_counter()
            list(pool.map(np.copyto, self._to, self._from))
            seconds = time.perf_counter() - began_s
        return 2 * self._cores * COPY_MB * (1 << 20) / seconds / 1e9


def _gops(run: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    run()
    return float(2 * SIDE**3 / (time.perf_counter() - began_s) / 1e9)


def _product(core: Any, hint: str, *, quantised: bool) -> Callable[[], object]:
    """A matrix times a constant one, as a network's are: OpenVINO packs the constant when it is compiled."""
    openvino = import_openvino()
    Model, opset13 = openvino.Model, openvino.opset13  # noqa: N806
    rng = np.random.default_rng(6)
    left = opset13.parameter([SIDE, SIDE], np.float32)
    right = opset13.constant(rng.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32))
    factors: tuple[Any, Any] = (left, right)
    if quantised:
        low, high = np.float32(-1), np.float32(127 / 128)
        factors = (
            opset13.fake_quantize(left, low, high, low, high, 256),
            opset13.fake_quantize(right, -high, high, -high, high, 255),
        )
    model = Model([opset13.matmul(*factors, False, False)], [left])
    compiled = core.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    )
    request = compiled.create_infer_request()
    values = rng.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32)
    request.infer([values])

    def run() -> object:
        return request.infer([values], share_inputs=True, share_outputs=True)

    return run
