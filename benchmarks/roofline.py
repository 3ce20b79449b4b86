"""How near the networks are to what this machine can do: operations and bytes against measured peaks.

    python run_pipeline.py bench roofline --plot docs/performance-roofline.svg      a minute

Operations and bytes are counted from the networks' graphs; the roof is what a large matrix product of each precision
and a copy through memory reach here. Peaks and networks are measured in turn, and medians printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._machine import machine
from benchmarks._performance_plot import plot_roofline
from benchmarks._roofline_networks import NetworkRow, Work, work_of
from benchmarks._roofline_peaks import Measuring, Peaks
from engines.arrays import U8
from engines.backends.base import Engine
from engines.backends.choose import Precision, choose
from engines.build.from_description import write_model_onnx
from engines.errors import BackendError, BuildError
from engines.prepare import prepare
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import read_catalogue
from engines.zoo.fetch import fetch
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.commands.context import models_folder

INPUTS = {
    "centerface": ((1, 352, 640, 3), (1, 544, 960, 3), (1, 1088, 1920, 3)),
    "facenet-20180408": ((1, 160, 160, 3), (16, 160, 160, 3)),
}
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")


@dataclass(frozen=True, slots=True)
class _Case:
    network: str
    precision: str
    engine: Engine
    images: U8
    work: Work
    ms: list[float] = field(default_factory=list)

    def run(self) -> None:
        began_s = time.perf_counter()
        self.engine.infer({self.engine.inputs[0].name: self.images})
        self.ms.append(1e3 * (time.perf_counter() - began_s))


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench roofline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=9, help="of peaks and networks in turn")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it as SVG or PNG")
    args = parser.parse_args(argv)
    about = machine()
    _print({"bench": "roofline machine"} | asdict(about))
    measuring = Measuring(max(1, int(about.cores)))
    peaks: list[Peaks] = []
    with ExitStack() as opened:
        cases = _cases(opened)
        for case in cases:
            case.engine.infer({case.engine.inputs[0].name: case.images})  # a new shape compiles kernels
        for _ in range(args.rounds):
            peaks.append(measuring.measure())
            for case in cases:
                case.run()
    roof = _median(peaks)
    _print(
        {"bench": "roofline peaks"}
        | {name: value and round(value, 1) for name, value in asdict(roof).items()}
    )
    rows = [_row(case, peaks) for case in cases]
    for row in rows:
        _print(asdict(row))
    if args.plot is not None:
        plot_roofline(rows, roof, args.plot)
    return 0


def _cases(opened: ExitStack) -> list[_Case]:
    catalogue, cases = read_catalogue(CATALOGUE_FILE), []
    rng = np.random.default_rng(6)
    with TemporaryDirectory() as folder:
        for name, shapes in INPUTS.items():
            file = Path(folder) / f"{name}.onnx"
            model = catalogue.model(name)
            write_model_onnx(model, fetch(model, ModelCache(models_folder()))[0], file)
            works = [work_of(file, shape) for shape in shapes]
            for precision in PRECISIONS:
                engine = _engine(name, precision)
                if engine is None:
                    continue
                opened.enter_context(engine)
                for shape, work in zip(shapes, works, strict=True):
                    images = rng.integers(0, 256, shape, np.uint8)
                    cases.append(_Case(name, precision, engine, images, work))
    return cases


def _engine(name: str, precision: Precision) -> Engine | None:
    """None: this processor or this version does not have it."""
    try:
        choice = choose("openvino", precision)
        engine = prepare(name, read_catalogue(CATALOGUE_FILE), models_folder(), choice).engine
        return engine if engine.info.precision == precision else None  # a model may have no int8 form
    except (BackendError, BuildError):
        return None


def _median(peaks: Sequence[Peaks]) -> Peaks:
    bf16 = [each.bf16_gops for each in peaks if each.bf16_gops is not None]
    return Peaks(
        statistics.median(each.fp32_gops for each in peaks),
        statistics.median(bf16) if bf16 else None,
        statistics.median(each.int8_gops for each in peaks),
        statistics.median(each.bandwidth_gb_s for each in peaks),
    )


def _row(case: _Case, peaks: Sequence[Peaks]) -> NetworkRow:
    work = case.work
    moved = work.bytes_moved(case.precision)
    shares = []
    for ms, peak in zip(case.ms, peaks, strict=True):
        shares.append(work.operations / ms / 1e6 / _roof(work, case.precision, peak))
    roof = _median(peaks)
    ms = statistics.median(case.ms)
    at = _roof(work, case.precision, roof)
    count, height, width, _ = case.images.shape
    return NetworkRow(
        "roofline",
        round(statistics.median(shares), 2),
        case.network,
        f"{width}x{height}" if count == 1 else f"{count} x {width}x{height}",
        case.precision,
        round(ms, 2),
        round(work.operations / 1e9, 2),
        round(moved / 1e6, 1),
        round(work.operations / moved, 1),
        round(work.operations / ms / 1e6, 1),
        round(at, 1),
        "compute" if at == (roof.of(case.precision) or roof.fp32_gops) else "memory",
    )


def _roof(work: Work, precision: str, peaks: Peaks) -> float:
    """10^9 operations a second at most: what is computed, or what memory brings."""
    compute = peaks.of(precision) or peaks.fp32_gops
    return min(compute, peaks.bandwidth_gb_s * work.operations / work.bytes_moved(precision))


def _print(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
