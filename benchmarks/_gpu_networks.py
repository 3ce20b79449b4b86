"""Rows of both networks: rows a second from pixels on the host to answers on the host, copies included."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks._gpu_here import CENTERFACE, FACENET, Here, noise
from benchmarks._gpu_rows import NOT_HERE, Row, Table, median_s
from engines.arrays import U8
from engines.backends.base import Engine
from engines.backends.choose import Precision

FACES = (1, 16, 64)
FRAMES = (1, 8, 32)
FRAME_PX = (544, 960)
"""height and width: a 16:9 frame, at the most that detection usually takes"""
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
TORCH = "torch fp16, channels_last, CUDA graph"


def network_rows(table: Table, here: Here) -> None:
    """TensorRT at every precision and batch, each beside torch in the same minute."""
    for name, batches, sides, unit in (
        (FACENET, FACES, (160, 160), "faces/s"),
        (CENTERFACE, FRAMES, FRAME_PX, "frames/s"),
    ):
        for precision in PRECISIONS:
            for batch in batches if not here.rehearsal else batches[:1]:
                shape = (batch, *sides)
                what = f"{name} {precision} batch {batch}"
                table.measure("networks", what, unit, partial(_row, here, name, precision, shape, what, unit))


def _row(
    here: Here, name: str, precision: Precision, shape: tuple[int, int, int], what: str, unit: str
) -> Sequence[Row]:
    with ExitStack() as opened:
        ours = opened.enter_context(here.network(name, precision))
        images = noise(*shape, 3)
        rate = shape[0] / _call_s(ours, images, here.runs)
        try:
            theirs = opened.enter_context(here.torch_network(name, shape[0]))
        except NOT_HERE as error:
            return [Row("networks", what, unit, rate, TORCH, reason=f"torch not measured: {error}")]
        other = shape[0] / _call_s(theirs, images, here.runs)
        # Once more ours, so that a clock that rose or fell in between is seen.
        rate = (rate + shape[0] / _call_s(ours, images, here.runs)) / 2
        return [Row("networks", what, unit, rate, f"{TORCH}: {other:,.4g} {unit}", rate / other)]


def _call_s(engine: Engine, images: U8, runs: int) -> float:
    given = {engine.inputs[0].name: images}
    return median_s(lambda: engine.infer(given), runs)
