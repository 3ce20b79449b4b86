"""What streams and threads are worth: the table that engines/backends/openvino_streams.py chooses by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks._engines_contestants import CENTERFACE, FACENET, OpenvinoNetwork, contestant, random_images
from benchmarks._engines_measure import race
from engines.backends.openvino_streams import Layout, Measured, is_better_together

SIDES = {FACENET: ((160, 160),), CENTERFACE: ((256, 256), (384, 640), (544, 960))}
"""height and width of what the networks are given"""
ROWS = {FACENET: (1, 2, 3, 4, 5, 8, 16), CENTERFACE: (1, 2, 3, 4, 5, 8)}


@dataclass(frozen=True, slots=True)
class TableRow:
    """A measurement, and what follows from it for a batch in latency mode; in throughput mode parts always run
    beside each other."""

    bench: str
    precision: str
    measured: Measured
    ms: float
    """a row, beside each other, the fastest round"""
    latency_mode: str


def table(network: OpenvinoNetwork, cores: int, rounds: int) -> Iterator[TableRow]:
    """Batches in one part on all threads, against parts beside each other on a thread each.

    The fastest round counts for both: on a machine shared with others, what is slower is their doing.
    """
    beside = Layout(cores, cores)
    with ExitStack() as opened:
        contestants = [
            contestant("together", network.engine(threads=cores, streams=1), opened),
            contestant("beside", network.engine(threads=cores, streams=cores), opened),
        ]
        for height, width in SIDES[network.name]:
            for rows in ROWS[network.name]:
                one, two = race(contestants, random_images(rows, height, width), rounds)
                measured = Measured(
                    network.name,
                    height * width,
                    rows,
                    cores,
                    round(min(one.wall_ms) / min(two.wall_ms), 2),
                    round(min(one.cpu_ms) / min(two.cpu_ms), 2),
                )
                together = is_better_together(rows, beside)
                words = "all threads on one part" if together else "parts beside each other"
                yield TableRow(
                    "engines table", network.precision, measured, round(min(two.wall_ms), 2), words
                )
