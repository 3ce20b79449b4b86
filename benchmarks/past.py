"""How fast and how good the search in the past is: a face among all sightings that were ever kept.

    python run_pipeline.py bench past                100,000 and 1,000,000 sightings; ten minutes, 6 GB of disk
    python run_pipeline.py bench past --quick        30,000; half a minute
    python run_pipeline.py bench past --faces        what is shown of real faces, and what wrongly

Sightings are drawn, four of each person, with the spectra of real vectors (benchmarks/_gallery_vectors.py), spread over
90 days and eight cameras, and kept in a database of their own. Probes: another photo of people who were seen, and as
many of people who were not. A search is all that `search` does but the network: new sightings are looked for, the
index is scanned, candidates are read from the database, the best are read whole. Beside it, in turn: one product with
all full vectors in memory (numpy), then the best 20.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks._gallery_vectors import DrawnGallery, read_spectrum
from benchmarks._index_measure import folder_bytes
from benchmarks._past_fill import BEGUN, DAYS, MODEL, add_more, fill_past, mixed
from engines.arrays import F32, I64
from pipeline.errors import BadInputError
from pipeline.gallery.past.past_file import PastFile
from pipeline.gallery.past.past_index import PastFilter
from pipeline.gallery.past.past_ranking import Probe
from pipeline.gallery.past.past_search import Past
from pipeline.gallery.storage.store import Store

SIZES = (100_000, 1_000_000)
QUICK_SIZES = (30_000,)
FACES_SIZES = (100, 300, 1000)
PROBES_AT_ONCE = 25
"""before the full products' turn: in turn one by one, each would find the caches full of the other's"""
EACH = 4
"""sightings a person"""
COUNT = 20
"""sightings asked for"""
MIDDLE = BEGUN + timedelta(days=DAYS // 2)
DAY, CAMERA = (MIDDLE, MIDDLE + timedelta(days=1)), frozenset({"camera-3"})
FILTERS = {
    "none": PastFilter(),
    "one day": PastFilter(*DAY),
    "one camera": PastFilter(cameras=CAMERA),
    "one day, one camera": PastFilter(*DAY, CAMERA),
}


@dataclass(frozen=True, slots=True)
class SearchRow:
    """Searches with one filter."""

    bench: str
    sightings: int
    filter: str
    compared: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_p50_ms: float
    """of the searching thread: what a search takes where nobody else wants the cores"""
    recall: float | None
    """of the COUNT nearest, against the full product; None with a filter"""
    certain: float
    """share of the searches whose answer is proved to be exact's"""
    against: str | None
    against_p50_ms: float | None
    ratio: float | None
    """times as fast as that"""


@dataclass(frozen=True, slots=True)
class ChoreRow:
    """What is done beside searching."""

    bench: str
    sightings: int
    chore: str
    value: float
    unit: str


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done."""
    options = _parse(argv)
    if options.faces:
        return _faces(options)
    for size in options.sightings or (QUICK_SIZES if options.quick else SIZES):
        drawn = DrawnGallery(read_spectrum(), max(1, size // EACH), EACH)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, Store(Path(folder)) as store:
            fill_past(store, drawn)
            for row in _rows(store, Path(folder), drawn, options.probes):
                line = _searched(row) if isinstance(row, SearchRow) else _chore(row)
                sys.stdout.write((json.dumps(asdict(row)) if options.json else line) + "\n")
                sys.stdout.flush()
    return 0


def _rows(store: Store, data: Path, drawn: DrawnGallery, count: int) -> Iterator[SearchRow | ChoreRow]:
    size = len(drawn)

    def chore(name: str, value: float, unit: str = "s") -> ChoreRow:
        return ChoreRow("past chores", size, name, round(value, 4), unit)

    past = Past(store.database, data, MODEL)
    yield chore("make the index from the database", _seconds(past.refresh))
    opened = [Past(store.database, data, MODEL) for _ in range(5)]
    yield chore("open it, all of it checked", float(np.median([_seconds(one.refresh) for one in opened])))
    (folder,) = PastFile(data, MODEL).folder.iterdir()
    yield chore("on disk", folder_bytes(folder) / size, "bytes a sighting")
    probes = np.concatenate((drawn.mated(count)[1], drawn.non_mated(count)))
    yield from _searches(store, data, drawn, probes)
    add_more(store, drawn, 1000)
    past = Past(store.database, data, MODEL)
    yield chore("append 1,000 sightings and open it", _seconds(past.refresh))


def _searches(store: Store, data: Path, drawn: DrawnGallery, probes: F32) -> Iterator[SearchRow]:
    past = Past(store.database, data, MODEL)
    past.refresh()
    every, labels = _as_kept(drawn)
    for name, asked in FILTERS.items():
        found, compared = _Found(), 0
        for start in range(0, len(probes), PROBES_AT_ONCE):
            some = probes[start : start + PROBES_AT_ONCE]
            answers = []
            for probe in some:
                began, busy = time.perf_counter(), time.thread_time()
                answers.append(past.search(Probe(probe, MODEL), asked, COUNT))
                found.seconds.append(time.perf_counter() - began)
                found.busy.append(time.thread_time() - busy)
            found.certain.extend(one.certain for one in answers)
            compared = answers[-1].compared
            for probe, answer in zip(some, answers, strict=True) if asked == PastFilter() else ():
                began = time.perf_counter()
                truth = _product(every, labels, probe)
                found.plain.append(time.perf_counter() - began)
                found.hits.append(len(truth & {one.label for one in answer.matches}) / COUNT)
        yield _row(len(drawn), name, compared, found)


@dataclass(frozen=True, slots=True)
class _Found:
    """Of each search with one filter."""

    seconds: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    """seconds of the thread"""
    certain: list[bool] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    """seconds of the full product"""
    hits: list[float] = field(default_factory=list)
    """share of the truth that was found"""


def _row(size: int, name: str, compared: int, found: _Found) -> SearchRow:
    p50, p95, p99 = (1e3 * float(np.quantile(found.seconds, share)) for share in (0.5, 0.95, 0.99))
    beside = 1e3 * float(np.median(found.plain)) if found.plain else None
    return SearchRow(
        bench="past",
        sightings=size,
        filter=name,
        compared=compared,
        p50_ms=round(p50, 2),
        p95_ms=round(p95, 2),
        p99_ms=round(p99, 2),
        cpu_p50_ms=round(1e3 * float(np.median(found.busy)), 2),
        recall=round(float(np.mean(found.hits)), 4) if found.hits else None,
        certain=round(float(np.mean(found.certain)), 4),
        against=None if beside is None else "numpy",
        against_p50_ms=None if beside is None else round(beside, 2),
        ratio=None if beside is None else round(beside / p50, 2),
    )


def _as_kept(drawn: DrawnGallery) -> tuple[F32, I64]:
    """All vectors (N, D) in drawn order, and the label (N,) that fill_past gave each."""
    labels, row = np.empty(len(drawn), np.int64), 0
    every = np.empty((len(drawn), drawn.spectrum.dimension), np.float32)
    for number, block in enumerate(drawn.blocks()):
        order = mixed(drawn, number, len(block))
        every[row : row + len(block)] = block
        labels[row + order] = row + 1 + np.arange(len(block))
        row += len(block)
    return every, labels


def _product(every: F32, labels: I64, probe: F32) -> set[int]:
    scores = every @ probe
    return set(labels[np.argpartition(scores, len(scores) - COUNT)[-COUNT:]].tolist())


def _faces(options: argparse.Namespace) -> int:
    from benchmarks._past_faces import shown
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.context import make_context
    from pipeline.commands.evaluations.faces import describe_sets
    from pipeline.commands.stranger_reach import stranger_reach

    if options.sets is None:
        raise BadInputError(
            "name the folder of lfw_view2.tar and ytf_frames.tar with --sets or FACESTREAM_TEST_DATA"
        )
    context = make_context(None, options.data, None, options.json, False)
    sets = [open_photo_set(Path(options.sets) / f"{name}.tar") for name in ("lfw_view2", "ytf_frames")]
    photos, videos = describe_sets(context, *sets)
    for row in shown(photos, videos, stranger_reach(context.config, context.data), FACES_SIZES):
        line = (
            f"{row.sightings:>6,} sightings, below {row.threshold:.2f}: {100 * row.found:.1f} % found, "
            f"{100 * row.first:.1f} % nearest, {100 * row.wrong:.2f} % of others shown anything"
        )
        sys.stdout.write((json.dumps(asdict(row)) if options.json else line) + "\n")
    return 0


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _searched(row: SearchRow) -> str:
    line = (
        f"{row.sightings:>9,} {row.filter:20} {row.compared:>9,} compared  {row.p50_ms:7.2f} {row.p95_ms:7.2f} "
        f"{row.p99_ms:7.2f} ms, {row.cpu_p50_ms:.2f} ms of a core  proved {100 * row.certain:.1f} %"
    )
    if row.ratio is not None:
        line += (
            f"  recall {row.recall:.4f}, {row.ratio:.1f} times as fast as numpy ({row.against_p50_ms:.0f} ms)"
        )
    return line


def _chore(row: ChoreRow) -> str:
    return f"{row.sightings:>9,} {row.chore:36} {row.value:10.3f} {row.unit}"


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench past",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sightings", type=int, nargs="+", help="sizes of pasts")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SIZES} sightings")
    parser.add_argument(
        "--probes", type=int, default=100, help="of people who were seen, and as many of others"
    )
    parser.add_argument("--folder", type=Path, help="where databases are made, and deleted again")
    parser.add_argument("--faces", action="store_true", help="what is shown of real faces, instead")
    parser.add_argument(
        "--sets",
        default=os.environ.get("FACESTREAM_TEST_DATA"),
        help="folder of lfw_view2.tar and ytf_frames.tar",
    )
    parser.add_argument("--data", type=Path, help="folder where described photos are kept")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
