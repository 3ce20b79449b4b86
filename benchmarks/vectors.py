"""What a vector's size costs at a large gallery: memory, disk and time, of 512 numbers, of 128, and of 128 bytes.

    python run_pipeline.py bench vectors                        a million templates; half an hour, 5 GB of memory
    python run_pipeline.py bench vectors --templates 20000      a minute

Galleries are drawn, four templates a person, with the spectrum of each model's real vectors
(benchmarks/_gallery_vectors.py). Each size has a process of its own, one after the other. The graph is searched by one
thread, as widely as galleries of its size are; mated probes are other photos of people who are in it. `ratio`: how
many times the smallest size's value this one's is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from benchmarks._gallery_fill import fill
from benchmarks._gallery_vectors import SPECTRUM_FILE, STATISTICS, DrawnGallery, read_spectrum
from benchmarks._index_contestants import OurHnsw, Ours
from benchmarks._index_measure import fill as fill_index
from benchmarks._index_measure import folder_bytes, found, make_task, recall
from pipeline.errors import BadInputError
from pipeline.gallery.int8_grid import Kept
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.vectors import stacked

EACH = 4
"""templates a person"""
SMALL_SPECTRUM = STATISTICS / "facenet-128-spectrum.json"
PARTS = ("database", "index")
MIB = 1 << 20
READ_AT_ONCE = 16_384
"""vectors: 32 MiB of 512 numbers"""


@dataclass(frozen=True, slots=True)
class Size:
    """One way to keep a face."""

    name: str
    spectrum: Path
    kept: Kept


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of one size."""

    what: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    bench: str
    vectors: str
    templates: int
    what: str
    value: float
    unit: str
    against: str | None
    ratio: float | None
    """this one's value by the other's"""


def main(argv: Sequence[str]) -> int:
    """Print a line a figure; 0 when done. Raises BadInputError."""
    options = _parse(argv)
    sizes = (
        Size("128 int8", options.spectrum, "int8"),
        Size("128 float32", options.spectrum, "float32"),
        Size("512 float32", SPECTRUM_FILE, "float32"),
    )
    # In memory vectors of int8 are floats, so that an index of the second size would be the first's.
    parts = {"database": (_database, sizes), "index": (_index, (sizes[0], sizes[2]))}
    for part, done_for in (parts[name] for name in options.parts):
        smallest: dict[str, Measured] = {}
        for size in done_for:
            for each in _in_a_new_process(part, size, options.templates, options.probes):
                other = smallest.setdefault(each.what, each)
                row = Row(
                    *("vectors", size.name, options.templates, each.what, round(each.value, 4), each.unit),
                    against=None if other is each else sizes[0].name,
                    ratio=None if other is each or not other.value else round(each.value / other.value, 3),
                )
                sys.stdout.write((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
                sys.stdout.flush()
    return 0


def _in_a_new_process(
    part: Callable[[Size, int, int], list[Measured]], size: Size, count: int, probes: int
) -> list[Measured]:
    """Memory that another size gave back, or did not, is in nobody's figures."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(part, size, count, probes).result()


def _drawn(size: Size, count: int) -> DrawnGallery:
    try:
        spectrum = read_spectrum(size.spectrum)
    except (OSError, ValueError, KeyError) as error:
        raise BadInputError(
            f"{size.spectrum}: cannot be read ({error}); measure it with: bench indexes --spectrum"
        ) from error
    return DrawnGallery(spectrum, count // EACH, EACH, kept=size.kept)


def _database(size: Size, count: int, _: int) -> list[Measured]:
    """SQLite with people, templates and their history, written and read once."""
    drawn = _drawn(size, count)
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        with Store(Path(folder)) as store:
            began = time.perf_counter()
            fill(store, drawn)
            written = time.perf_counter()
            size_read = _read(store)
            read = time.perf_counter()
        return [
            Measured("vectors in memory", size_read / MIB, "MiB"),
            Measured("database", folder_bytes(Path(folder)) / MIB, "MiB"),
            Measured("database written", written - began, "s"),
            Measured("vectors read from it", read - written, "s"),
        ]


def _read(store: Store) -> int:
    """Read all vectors, some at a time; how many bytes they have in memory."""
    asked = select(templates.c.vector).order_by(templates.c.label).execution_options(yield_per=READ_AT_ONCE)
    with store.database.reading() as connection:
        return sum(stacked(some).nbytes for some in connection.execute(asked).scalars().partitions())


def _index(size: Size, count: int, probes: int) -> list[Measured]:
    """Our HNSW index, its snapshot, and exact search."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from pipeline.gallery.indexes.exact import ExactIndex
    from pipeline.gallery.indexes.hnsw import HnswIndex

    drawn = _drawn(size, count)
    task = make_task(drawn, probes)
    ours = OurHnsw(drawn.spectrum.dimension, len(drawn))
    before = time.process_time()
    built = fill_index(ours, drawn.blocks(), len(drawn))
    spent = time.process_time() - before
    with threadpool_limits(1):
        ours.set_effort(ours.usual)
        answers = found(ours, task)
    mated, non_mated = recall(task, answers)
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        began = time.perf_counter()
        ours.hnsw.save(Path(name))
        saved = time.perf_counter()
        disk = folder_bytes(Path(name))
        del ours
        before = time.perf_counter()
        HnswIndex.load(Path(name))
        loaded = time.perf_counter()
    exact = Ours("exact", ExactIndex(drawn.spectrum.dimension))
    exact.fill(drawn.blocks(), len(drawn))
    with threadpool_limits(1):
        slow = found(exact, task)
    return [
        Measured("HNSW, memory", built.bytes / MIB, "MiB"),
        Measured("HNSW, built", built.seconds, "s"),
        Measured("HNSW, built, processor time", spent, "s"),
        Measured("HNSW, search p50", answers.at(0.5), "ms"),
        Measured("HNSW, search p99", answers.at(0.99), "ms"),
        Measured("HNSW, recall of mated", mated, ""),
        Measured("HNSW, recall of non-mated", non_mated, ""),
        Measured("exact search p50", slow.at(0.5), "ms"),
        Measured("snapshot on disk", disk / MIB, "MiB"),
        Measured("snapshot saved", saved - began, "s"),
        Measured("snapshot loaded", loaded - before, "s"),
    ]


def _line(row: Row) -> str:
    line = f"{row.templates:>9,} {row.vectors:12} {row.what:27} {row.value:11.3f} {row.unit:3}"
    return line if row.ratio is None else f"{line}  {row.ratio:.2f} times that of {row.against}"


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench vectors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--templates", type=int, default=1_000_000)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--probes", type=int, default=500, help="mated, and as many non-mated")
    parser.add_argument(
        "--spectrum", type=Path, default=SMALL_SPECTRUM, help="of the small vectors; facenet-128's"
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
