"""How many streams and threads OpenVINO gets, and into which parts a batch is cut: chosen from what was measured.

A stream runs a part of a batch on threads of its own. The threads of one stream meet after every layer; those of
two streams never do, and a part's maps stay in a core's cache where those of the whole batch do not. Against that
stands that rows which do not fill the streams leave some idle.

`run_pipeline.py bench engines --table` prints rows of `MEASURED`. A test holds the rule to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.backends.choose import Mode

PIXELS_A_PART = 210_000
"""of input, in the rows that one request takes at once: 8 crops of 160x160, 3 images of 256x256, 1 of 640x384"""
MAX_IDLE = 0.2
"""latency: where a batch would leave more than this share of the streams' time idle, all threads work on one part"""
MAX_STREAMS = 4
"""on processors with more cores, which were not measured: a batch of detection has 4 frames (detection.max_batch),
every further stream would cost memory and wait; what cores are left are threads within the streams"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table: a batch in one part on all threads, against parts that run beside each other."""

    network: str
    pixels: int
    """of one row: height times width of the input"""
    rows: int
    cores: int
    latency_ratio: float
    """time until all rows are there: in one part, over beside each other"""
    work_ratio: float
    """processor time for all rows: in one part, over beside each other"""


MEASURED: tuple[Measured, ...] = (
    Measured("facenet-20180408", 25_600, 1, 2, 0.69, 1.37),
    Measured("facenet-20180408", 25_600, 2, 2, 1.13, 1.16),
    Measured("facenet-20180408", 25_600, 3, 2, 0.88, 1.13),
    Measured("facenet-20180408", 25_600, 4, 2, 1.07, 1.09),
    Measured("facenet-20180408", 25_600, 8, 2, 1.05, 1.06),
    Measured("centerface", 65_536, 1, 2, 0.70, 1.10),
    Measured("centerface", 65_536, 2, 2, 1.05, 0.92),
    Measured("centerface", 65_536, 3, 2, 0.80, 1.05),
    Measured("centerface", 65_536, 4, 2, 1.04, 1.08),
    Measured("centerface", 65_536, 8, 2, 1.03, 1.07),
    Measured("centerface", 245_760, 1, 2, 0.59, 1.14),
    Measured("centerface", 245_760, 2, 2, 1.03, 1.05),
    Measured("centerface", 245_760, 4, 2, 1.20, 1.14),
    Measured("centerface", 245_760, 8, 2, 1.19, 1.23),
)
"""2026-11-22, bf16, two cores of an AMD EPYC with AVX-512 BF16 and no AMX; medians of 9 runs in turn while hardly
anything else ran, opened as the table opens them. Measure again on a processor of another kind"""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a compiled network is spread over the processor."""

    streams: int
    threads: int
    """of all streams together"""


@dataclass(frozen=True, slots=True)
class Layouts:
    """The compiled networks of an engine: one, or two that share the work by the size of the batch."""

    beside: Layout
    """parts of a batch beside each other"""
    together: Layout | None
    """all threads on one part, for batches that would leave streams idle; None: those too go to `beside`"""


def layouts(mode: Mode, cores: int, threads: int = 0, streams: int = 0) -> Layouts:
    """What is compiled for a mode on so many cores.

    `threads` bounds what one network uses, 0: all cores. `streams` is taken as it is asked for, 0: as measured.

    >>> layouts("throughput", cores=2)
    Layouts(beside=Layout(streams=2, threads=2), together=None)
    >>> layouts("latency", cores=2)
    Layouts(beside=Layout(streams=2, threads=2), together=Layout(streams=1, threads=2))
    >>> layouts("latency", cores=16, threads=1)
    Layouts(beside=Layout(streams=1, threads=1), together=None)
    """
    usable = min(threads, cores) if threads else cores
    if streams:
        return Layouts(Layout(min(streams, usable), usable), None)
    beside = Layout(min(usable, MAX_STREAMS), usable)
    if mode == "throughput" or beside.streams == 1:
        return Layouts(beside, None)
    return Layouts(beside, Layout(1, usable))


def is_better_together(rows: int, beside: Layout) -> bool:
    """Whether a batch is there sooner when all threads work on one row after the other.

    >>> [rows for rows in range(1, 9) if is_better_together(rows, Layout(streams=2, threads=2))]
    [1, 3]
    """
    rounds = -(-rows // beside.streams)
    return 1 - rows / (rounds * beside.streams) > MAX_IDLE


def parts_of(rows: int, pixels: int, layout: Layout) -> Sequence[slice]:
    """Which rows run as one request, for rows of so many input pixels; a part for every stream if there are enough.

    >>> parts_of(16, 160 * 160, Layout(streams=2, threads=2))
    [slice(0, 8, None), slice(8, 16, None)]
    >>> parts_of(3, 640 * 384, Layout(streams=2, threads=2))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    if layout.streams == 1:
        return [slice(0, rows)]
    rows_at_once = max(1, PIXELS_A_PART // pixels)
    rounds = -(-rows // (rows_at_once * layout.streams))
    count = min(rows, rounds * layout.streams)
    return [slice(rows * part // count, rows * (part + 1) // count) for part in range(count)]
