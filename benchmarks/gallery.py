"""A large gallery in a running program: how it starts, and how soon and how smoothly changes of it show.

`start`: a new process opens the gallery, from the database (which builds the index) and from a snapshot, with the
files in memory and just dropped from it, up to the first answer. `follow`: a thread searches 10 faces 25 times a second
while another process enrols, renames, merges and forgets: the time from each commit to the first answer that shows
it, and how long searches take, with a row without changes beside it. `late` is how late a frame's search began: what
keeps the whole program from running shows there.

The gallery is of drawn people, made like real ones, four templates each, in a database of a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks._gallery_fill import MODEL, fill
from benchmarks._gallery_follow import measure
from benchmarks._gallery_vectors import DrawnGallery, read_spectrum
from config.load import load
from config.schema import Config
from pipeline.assemble.gallery import load_gallery, open_gallery, open_store
from pipeline.commands.thresholds import naming
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.indexes.choose import INDEXES
from pipeline.gallery.memory.delta import read_position
from pipeline.gallery.memory.following import FollowedGallery
from pipeline.gallery.memory.snapshot_folders import INDEX_FOLDER
from pipeline.gallery.painted import PaintedRecogniser
from pipeline.gallery.storage.database import Database
from tests.postgres import find_programs, running_server

EACH = 4
"""templates a person"""


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench gallery", description=__doc__)
    parser.add_argument("part", choices=["start", "follow"])
    parser.add_argument("--templates", type=int, default=100_000)
    parser.add_argument("--index", choices=INDEXES, default="hnsw")
    parser.add_argument("--times", type=int, default=50, help="of each kind of change")
    parser.add_argument("--starts", type=int, default=3, help="of each kind; medians are printed")
    parser.add_argument("--postgresql", action="store_true", help="follow a gallery in a server of its own")
    parser.add_argument(
        "--folder", type=Path, help="where the temporary folder is made; with room for the gallery"
    )
    args = parser.parse_args(argv)
    spectrum = read_spectrum()
    drawn = DrawnGallery(spectrum, args.templates // EACH, EACH)
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench", dir=args.folder)))
        settings = [f"matching.index={args.index}"]
        if args.postgresql:
            programs = find_programs()
            if programs is None:
                parser.error("no PostgreSQL server is installed")
            server = stack.enter_context(running_server(programs))
            settings.append(f"gallery.url={server.create_database()}")
        bench = Bench(tuple(settings), data, drawn)
        with open_store(bench.config, data) as store:
            fill(store, drawn)
        if args.part == "start":
            bench.start(args.starts)
        else:
            bench.follow(args.times)
    return 0


@dataclass(frozen=True, slots=True)
class Started:
    """How a program started."""

    seconds: float
    """from the database's first row to the first answer, the program itself being loaded"""
    pairs_s: float
    """of them, to see how alike the people are: what the distance for names is derived from"""
    search_ms: float
    memory_mib: int
    """at most, of the whole program"""


@dataclass(frozen=True, slots=True)
class Bench:
    """A gallery to start from and to follow."""

    settings: tuple[str, ...]
    """section.key=value"""
    data: Path
    drawn: DrawnGallery

    @property
    def config(self) -> Config:
        """The configuration with these settings."""
        return load(None, {}, self.settings)

    @property
    def recogniser(self) -> PaintedRecogniser:
        """Names the vectors; it describes nothing here."""
        return PaintedRecogniser(MODEL, self.drawn.spectrum.dimension)

    def start(self, starts: int) -> None:
        """Print how long starts take: one that builds the index, others from its snapshot."""
        built = self._in_a_new_process()
        write(self._row("database; the index is built, and its snapshot written", [built]))
        folder = self.data / INDEX_FOLDER
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for name, cold in (("snapshot, files in memory", False), ("snapshot, files on disk", True)):
            runs = []
            for _ in range(starts):
                if cold:
                    drop_from_memory(self.data)
                runs.append(self._in_a_new_process())
            ratio = round(statistics.median(each.seconds for each in runs) / built.seconds, 4)
            row = {"snapshot_mib": size >> 20, "against": "building it", "ratio": ratio}
            write(self._row(name, runs) | row)

    def follow(self, times: int) -> None:
        """Print how changes show while a camera searches."""
        config = self.config

        def derive(own: OwnPairs) -> float:
            return naming(config, self.data, own).max_distance

        url = None if config.gallery.url is None else config.gallery.url.reveal()
        with (
            open_store(config, self.data) as store,
            open_gallery(config, store, self.recogniser, self.data, derive, follow=True) as gallery,
        ):
            assert isinstance(gallery, FollowedGallery)
            gallery.replica.index.settle()
            asked = [timed(lambda: ask(store.database)) for _ in range(1000)]
            calm = None
            for phase in measure(gallery, self.drawn, self.data, url, times):
                calm = calm or phase
                ratio = round(max(phase.searched_s) / max(calm.searched_s), 2)
                against = {"against": "the longest search without changes", "ratio": ratio}
                write(self._about("follow") | phase.row() | against)
            write(self._about("poll") | {"us": round(1e6 * statistics.median(asked)), "times": len(asked)})

    def once(self) -> Started:
        """Open the gallery and ask it once."""
        began = time.perf_counter()
        with open_store(self.config, self.data) as store:
            replica = load_gallery(self.config, store, self.recogniser, self.data)
            pairs_s = timed(lambda: replica.own_pairs)
            probe = self.drawn.non_mated(1)
            search_s = timed(lambda: replica.search(probe, 5))
            seconds = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return Started(seconds, pairs_s, 1000 * search_s, memory >> 10)

    def _in_a_new_process(self) -> Started:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(self.once).result()

    def _row(self, start: str, runs: Sequence[Started]) -> dict[str, object]:
        return self._about("start") | {
            "from": start,
            "seconds": round(statistics.median(each.seconds for each in runs), 2),
            "pairs_s": round(statistics.median(each.pairs_s for each in runs), 2),
            "first_search_ms": round(statistics.median(each.search_ms for each in runs), 2),
            "memory_mib": max(each.memory_mib for each in runs),
            "runs": len(runs),
        }

    def _about(self, part: str) -> dict[str, object]:
        config = self.config
        database = "sqlite" if config.gallery.url is None else "postgresql"
        about = {"bench": "gallery", "part": part, "templates": len(self.drawn)}
        return about | {"index": config.matching.index, "database": database}


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ask(database: Database) -> None:
    """What a follower asks again and again."""
    with database.reading() as connection:
        read_position(connection)


def drop_from_memory(folder: Path) -> None:
    """Have the system forget what it remembers of these files, so that they are read from the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def write(row: Mapping[str, object]) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
