"""How fast ready vectors come into a gallery that is large already: the transaction with its commit, and the index.

Each template is of a new person, 1, 10, 100 or 1000 of them a transaction, on SQLite and, where a PostgreSQL server can
be started, on that (with its settings as they come: every commit reaches the disk). Rows with an index count its `add`
of the same vectors, and the work that it does behind that, too: a program that enrols and searches does both. The
ratio is against one template a transaction. Vectors are made like real ones; a template has no crop, as when it comes
from an exported file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

import numpy as np

from benchmarks._gallery_vectors import DrawnGallery, read_spectrum
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.storage.records import NewPerson, NewTemplate
from pipeline.gallery.storage.store import Store
from tests.postgres import find_programs, running_server

BATCHES = (1, 10, 100, 1000)
"""templates a transaction"""
FILL_BATCH = 5000
MEASURED = {1: 200, 10: 500, 100: 2000, 1000: 5000}
"""templates a measurement, by batch: a second or two each"""
AS_INSTALLED = {
    **{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "autovacuum": "on"},
    "shared_buffers": "128MB",
}
MODEL = "bench"


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench enrolment", description=__doc__)
    parser.add_argument("--gallery", type=int, default=100_000, help="templates that are there before")
    parser.add_argument("--index", choices=INDEXES, default="hnsw")
    parser.add_argument("--runs", type=int, default=3, help="interleaved; medians are printed")
    args = parser.parse_args(argv)
    people = endless_people(args.gallery)
    spectrum = read_spectrum()
    index = choose_index(args.index, spectrum.dimension)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        galleries = [Gallery("sqlite", stack.enter_context(Store(folder)), index)]
        programs = find_programs()
        if programs is None:
            sys.stderr.write("no PostgreSQL server is installed: SQLite alone\n")
        else:
            server = stack.enter_context(running_server(programs, AS_INSTALLED))
            store = stack.enter_context(Store(folder, server.create_database()))
            galleries.append(Gallery("postgresql", store, index))
        fill(galleries, index, list(islice(people, args.gallery)))
        for _ in range(args.runs):
            for gallery in galleries:
                for batch in BATCHES:
                    gallery.measure(list(islice(people, MEASURED[batch])), batch)
        for gallery in galleries:
            gallery.report(args.gallery, args.index, args.runs)
    return 0


@dataclass(slots=True)
class Timing:
    """Templates a second of each run, at one batch size."""

    store_alone: list[float] = field(default_factory=list)
    with_index: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Gallery:
    """A database, and the index that all share."""

    database: str
    store: Store
    index: Index
    timings: dict[int, Timing] = field(default_factory=lambda: {batch: Timing() for batch in BATCHES})

    def measure(self, new: Sequence[NewPerson], batch: int) -> None:
        """Enrol these, `batch` a transaction, and add them to the index."""
        store_s = index_s = 0.0
        for first in range(0, len(new), batch):
            some = new[first : first + batch]
            began = time.perf_counter()
            self.store.enroll_many(some)
            store_s += time.perf_counter() - began
            began = time.perf_counter()
            add(self.index, some)
            index_s += time.perf_counter() - began
        began = time.perf_counter()
        self.index.settle()
        index_s += time.perf_counter() - began
        self.timings[batch].store_alone.append(len(new) / store_s)
        self.timings[batch].with_index.append(len(new) / (store_s + index_s))

    def report(self, templates: int, index: str, runs: int) -> None:
        """Print the rows."""
        for name, rates in (
            ("none", {batch: timing.store_alone for batch, timing in self.timings.items()}),
            (index, {batch: timing.with_index for batch, timing in self.timings.items()}),
        ):
            medians = {batch: statistics.median(found) for batch, found in rates.items()}
            for batch, rate in medians.items():
                row = {
                    "bench": "enrolment",
                    "database": self.database,
                    "index": name,
                    "gallery": templates,
                    "templates_a_transaction": batch,
                    "templates_per_s": round(rate),
                    "against": "one template a transaction",
                    "ratio": round(rate / medians[1], 1),
                    "runs": runs,
                }
                sys.stdout.write(json.dumps(row) + "\n")


def fill(galleries: Sequence[Gallery], index: Index, new: Sequence[NewPerson]) -> None:
    """Put these into every database and the index, and say how long that took."""
    for gallery in galleries:
        began = time.perf_counter()
        for first in range(0, len(new), FILL_BATCH):
            gallery.store.enroll_many(new[first : first + FILL_BATCH])
        took = time.perf_counter() - began
        sys.stderr.write(f"{gallery.database}: {len(new)} templates in {took:.1f} s\n")
    began = time.perf_counter()
    for first in range(0, len(new), FILL_BATCH):
        add(index, new[first : first + FILL_BATCH])
    index.settle()
    sys.stderr.write(f"index: {len(new)} templates in {time.perf_counter() - began:.1f} s\n")


def add(index: Index, new: Sequence[NewPerson]) -> None:
    """Add these to the index, under labels of its own: two databases fill it."""
    vectors = np.stack([template.vector for one in new for template in one.templates])
    index.add(np.arange(len(index) + 1, len(index) + len(vectors) + 1, dtype=np.int64), vectors)


def endless_people(block: int) -> Iterator[NewPerson]:
    """New people with a template each, made `block` at a time."""
    number = count()
    for seed in count(1):
        for vectors in DrawnGallery(read_spectrum(), block, each=1, seed=seed).blocks():
            for vector, each in zip(vectors, number, strict=False):
                template = NewTemplate(MODEL, vector, 0.8, f"{each}.jpg", f"{each:064x}")
                yield NewPerson(f"Person {each}", (template,))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
