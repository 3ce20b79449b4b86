"""ML-ANN: how many distances it needs, how long it takes, and what each part of it brings.

    python run_pipeline.py bench mlann                                     drawn vectors: budgets, times, orders
    python run_pipeline.py bench mlann --faces lfw_view2.tar               real ones: photos search photos
    python run_pipeline.py bench mlann --faces lfw_dev.tar --video ytf_frames.tar   and videos, warm-started

One thread, one probe a search. `share` is of all templates, references and warm check included. Recall is against
exact search. `ratio` is the time against a product of the probe with all templates by BLAS.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks._gallery_vectors import DrawnGallery, read_spectrum
from benchmarks._mlann_faces import photo_rows, video_rows
from benchmarks._mlann_orders import contenders, looked_at_before
from engines.arrays import F32, F64, I64
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.indexes.mlann import MlannIndex
from pipeline.gallery.indexes.mlann_settings import Settings

SIZES = (1000, 2000, 2500, 5000, 10_000, 20_000, 50_000)
BUDGETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5)
ACCEPT = 0.75
"""below which a name is given to 1,000 people at FPIR 1 %: the early stop's limit"""
CAP = 0.05
EACH = 4
"""templates a person"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn gallery with its probes."""

    templates: F32
    mated: F32
    non_mated: F32

    @property
    def labels(self) -> I64:
        """(R,) one for each template."""
        return np.arange(len(self.templates), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Costs:
    """What searching by one probe after the other cost."""

    recall: float
    """of the nearest template; equal distances count"""
    same_person: float
    distances: F64
    """(Q,) computed"""
    seconds: F64
    """(Q,)"""

    def row(self, size: int) -> dict[str, object]:
        """As it is printed."""
        mean, p95 = self.distances.mean() / size, np.quantile(self.distances, 0.95) / size
        return {
            "recall": round(self.recall, 4),
            "same_person": round(self.same_person, 4),
            "share": round(float(mean), 5),
            "share_p95": round(float(p95), 5),
            **times(self.seconds),
        }


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench mlann", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="templates")
    parser.add_argument("--probes", type=int, default=500, help="mated, and as many that are not")
    parser.add_argument("--faces", type=Path, help="a set of photos, a folder a person")
    parser.add_argument(
        "--video", type=Path, help="frames, PERSON/VIDEO/FRAME, to search --faces and themselves"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="where described sets are kept")
    args = parser.parse_args(argv)
    with threadpool_limits(limits=1):
        if args.faces is not None:
            for row in photo_rows(args.faces, args.data):
                show(row)
            for row in video_rows(args.faces, args.video, args.data) if args.video is not None else ():
                show(row)
            return 0
        for size in args.sizes:
            drawn = draw(size, args.probes)
            for rows in (budget_rows, time_rows, order_rows):
                for row in rows(drawn):
                    show({**row, "templates": size})
    return 0


def show(row: dict[str, object]) -> None:
    """Print a row."""
    sys.stdout.write(json.dumps({"bench": "mlann", **row}) + "\n")
    sys.stdout.flush()


def draw(size: int, probes: int) -> Drawn:
    """EACH templates a person."""
    gallery = DrawnGallery(read_spectrum(), size // EACH, EACH)
    return Drawn(gallery.templates(), gallery.mated(probes)[1], gallery.non_mated(probes))


def budget_rows(drawn: Drawn) -> Iterator[dict[str, object]]:
    """The budget swept, mated and non-mated probes apart, with and without early stop."""
    for stop in (0.0, ACCEPT):
        for budget in BUDGETS:
            index = MlannIndex(
                drawn.templates.shape[1],
                Settings(budget, least=1, warm_budget=min(budget, 0.015), warm_least=1),
                owners=lambda labels: labels // EACH,
            )
            index.add(drawn.labels, drawn.templates)
            index.stop_below(stop)
            for name, probes in (("mated", drawn.mated), ("non-mated", drawn.non_mated)):
                costs = searched(index, drawn.templates, probes)
                yield {
                    "what": "budget",
                    "budget": budget,
                    "stop": round(index.stop, 3),
                    "probes": name,
                    **costs.row(len(drawn.templates)),
                }


def searched(index: MlannIndex, templates: F32, probes: F32, count: int = 1) -> Costs:
    """Search by one probe after the other."""
    distances, seconds, hits, people = [], [], 0, 0
    for probe in probes:
        products = templates @ probe
        before, began = index.spent.distances, time.perf_counter()
        label = int(index.search(probe[None], count).labels[0, 0])
        seconds.append(time.perf_counter() - began)
        distances.append(index.spent.distances - before)
        hits += bool(products[label] >= products.max() - 1e-6)
        people += label // EACH == int(products.argmax()) // EACH
    return Costs(hits / len(probes), people / len(probes), np.array(distances, np.float64), np.array(seconds))


def time_rows(drawn: Drawn) -> Iterator[dict[str, object]]:
    """Exact by BLAS, our indexes, and what building, enrolling and removing cost; 1 and 8 neighbours."""
    dimension, size = drawn.templates.shape[1], len(drawn.templates)
    probes = np.concatenate((drawn.mated, drawn.non_mated))
    blas = timed(lambda probe: drawn.templates @ probe, probes)
    yield {"what": "time", "index": "BLAS product", **times(blas)}
    for kind in ("exact", "hnsw", "mlann"):
        index = choose_index(kind, dimension, always_approximate=True)
        began = time.perf_counter()
        index.add(drawn.labels, drawn.templates)
        index.settle()
        row: dict[str, object] = {
            "what": "time",
            "index": kind,
            "build_s": round(time.perf_counter() - began, 3),
        }
        for count in (1, 8):
            took = timed(partial(_search, index, count), probes)
            row[f"ratio_{count}"] = round(float(np.median(took) / np.median(blas)), 3)
            row.update({f"{key}_{count}": value for key, value in times(took).items()})
        truth = (probes @ drawn.templates.T).argmax(axis=1)
        row["recall"] = round(float((index.search(probes, 1).labels[:, 0] == truth).mean()), 4)
        yield {**row, **changes(index, drawn, size)}


def _search(index: Index, count: int, probe: F32) -> object:
    return index.search(probe[None], count)


def changes(index: Index, drawn: Drawn, size: int) -> dict[str, object]:
    """Milliseconds to enrol one more template, and to remove it."""
    new = np.arange(size, size + 100, dtype=np.int64)
    enrol = timed(lambda label: index.add(np.array([label]), drawn.non_mated[label - size][None]), new)
    index.settle()
    remove = timed(lambda label: index.remove(np.array([label])), new)
    return {"enrol_ms": milliseconds(enrol, 0.5), "remove_ms": milliseconds(remove, 0.5)}


def order_rows(drawn: Drawn) -> Iterator[dict[str, object]]:
    """The published order and our changes to it, one by one: is the nearest within 5 % of the distances?"""
    size = len(drawn.templates)
    if size > 20_000:
        return
    nearest = (drawn.mated @ drawn.templates.T).argmax(axis=1)
    for count in (16, 32, 64):
        most = int(CAP * size) - count
        if most < 1:
            continue
        for contender in contenders(drawn.templates, count, seed=0):
            before = looked_at_before(contender, drawn.mated, drawn.templates, nearest)
            yield {
                "what": "order",
                "order": contender.name,
                "references": count,
                "recall_at_5%": round(float((before < most).mean()), 4),
                "before_p99": round(float(np.quantile(before, 0.99))),
            }


def timed(call: Callable[[Any], object], given: Iterable[Any]) -> F64:
    """Seconds (N,) that each call takes."""
    seconds = []
    for each in given:
        began = time.perf_counter()
        call(each)
        seconds.append(time.perf_counter() - began)
    return np.array(seconds)


def times(seconds: F64) -> dict[str, object]:
    """Median, p95 and p99 in milliseconds."""
    return {f"ms_p{round(100 * part)}": milliseconds(seconds, part) for part in (0.5, 0.95, 0.99)}


def milliseconds(seconds: F64, part: float) -> float:
    """A quantile."""
    return round(1e3 * float(np.quantile(seconds, part)), 4)
