"""Milliseconds a row of both networks at every precision and mode, beside what else can run them.

    python run_pipeline.py bench engines            every engine and its alternatives, in turn; four minutes
    python run_pipeline.py bench engines --table    what streams and threads are worth; half a minute

`ratio` is against OpenVINO without parts in flight, one stream at bf16; `others` are the same network elsewhere at
fp32. All that run one batch do so in turn, and medians of rounds count. `cpu_ms` is processor time: it tells how many
cameras a machine holds, `ms` how long one waits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks._engines_at_once import at_once
from benchmarks._engines_contestants import (
    ALTERNATIVES,
    CENTERFACE,
    FACENET,
    MODES,
    OpenvinoNetwork,
    alternatives,
    chosen_network,
    contestant,
    networks,
    random_images,
)
from benchmarks._engines_measure import Contestant, Timings, race
from benchmarks._engines_shapes import new_shapes
from benchmarks._engines_table import table
from benchmarks._machine import machine
from engines.backends.openvino import usable_cores
from pipeline.commands.context import models_folder

GROUPS = {
    FACENET: ((1, 160, 160), (16, 160, 160)),
    CENTERFACE: ((1, 384, 640), (4, 384, 640), (1, 544, 960), (4, 544, 960)),
}
"""rows, height, width"""
AGAINST = "openvino bf16, one stream"
AGAINST_WITHOUT_BF16 = "openvino fp32, one stream"


@dataclass(frozen=True, slots=True)
class Beside:
    """One alternative."""

    name: str
    ratio: float
    """how many times as fast as it"""
    cpu_ratio: float
    """how many times less processor time: what is left of `ratio` where others use the machine too"""


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine on one batch."""

    bench: str
    ratio: float
    """how many times as fast as `against`, the median over the rounds"""
    cpu_ratio: float
    """the same of processor time: it hardly changes when others use the machine too"""
    against: str
    network: str
    rows: int
    width: int
    height: int
    engine: str
    ms: float
    """a row, wall time, median"""
    cpu_ms: float
    """a row, processor time of all threads, median"""
    others: tuple[Beside, ...]
    rounds: int


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench engines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=Path, default=models_folder())
    parser.add_argument("--runs", type=int, default=7, help="rounds; medians of them are printed")
    parser.add_argument("--table", action="store_true", help="what streams and threads are worth, instead")
    args = parser.parse_args(argv)
    if args.runs < 1:
        parser.error("--runs must be 1 or more")
    # Threads of GNU's OpenMP, torch's, spin where they meet: beside others' work that took 20 times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _print({"bench": "engines", "machine": asdict(machine())})
    if args.table:
        for name in (FACENET, CENTERFACE):
            for line in table(chosen_network(name, args.models), usable_cores(), args.runs):
                _print(asdict(line))
        return 0
    built = {name: [*networks(name, args.models)] for name in (FACENET, CENTERFACE)}
    for name, precisions in built.items():
        for row in compare(name, precisions, args.models, args.runs):
            _print(asdict(row))
    detector = built[CENTERFACE][-1]  # the fastest comes last
    for both in at_once(detector, built[FACENET][-1], args.runs):
        _print(asdict(both))
    for shape in new_shapes(detector):
        _print(asdict(shape))
    return 0


def compare(
    name: str, precisions: Sequence[OpenvinoNetwork], models: Path, rounds: int
) -> Iterator[EngineRow]:
    """One network in every way, on each batch."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        everything = [
            *_ours(precisions, opened),
            *alternatives(name, models, folder, opened),
        ]
        names = [each.name for each in everything]
        against = names.index(AGAINST if AGAINST in names else AGAINST_WITHOUT_BF16)
        for rows, height, width in GROUPS[name]:
            timings = race(everything, random_images(rows, height, width), rounds)
            others = [each for each in timings if each.name in ALTERNATIVES]
            for each in timings:
                yield _row(each, timings[against], others, name, (rows, height, width))


def _ours(precisions: Sequence[OpenvinoNetwork], opened: ExitStack) -> Iterator[Contestant]:
    for network in precisions:
        label = f"openvino {network.precision}"
        yield contestant(f"{label}, one stream", network.engine(streams=1), opened)
        for mode in MODES:
            yield contestant(f"{label}, {mode}", network.engine(mode=mode), opened)


def _row(
    mine: Timings, against: Timings, others: Sequence[Timings], network: str, shape: tuple[int, int, int]
) -> EngineRow:
    rows, height, width = shape
    return EngineRow(
        "engines",
        mine.ratio(against),
        mine.cpu_ratio(against),
        against.name,
        *(network, rows, width, height, mine.name),
        round(statistics.median(mine.wall_ms), 2),
        round(statistics.median(mine.cpu_ms), 2),
        tuple(
            Beside(each.name, mine.ratio(each), mine.cpu_ratio(each)) for each in others if each is not mine
        ),
        len(mine.wall_ms),
    )


def _print(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
