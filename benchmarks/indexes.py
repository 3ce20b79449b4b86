"""How fast, how good and how large the indexes are, beside numpy, hnswlib and faiss over the full vectors.

    python run_pipeline.py bench indexes                        the tables of docs/gallery.md, "Indexes"; an hour
    python run_pipeline.py bench indexes --quick                small galleries; a minute
    python run_pipeline.py bench indexes --spectrum             measures the spectrum that galleries are drawn from

Galleries are drawn, four templates a person, with the spectra of real vectors (benchmarks/_gallery_vectors.py).
Probes: other photos of people of the gallery (mated), and of people who are not in it. Searches are of one probe in
one thread. Everybody is measured in turn with our HNSW, some probes each, at the least effort that finds as many.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks._gallery_vectors import SPECTRUM_FILE, DrawnGallery, Spectrum, read_spectrum
from benchmarks._index_chores import chores
from benchmarks._index_contestants import Contestant, OurHnsw, others
from benchmarks._index_measure import Answers, Built, Task, duel, fill, fnir, found, make_task, recall
from benchmarks._index_plot import Point, plot
from pipeline.errors import BadInputError

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
CHORES = 100_000
EACH = 4
"""templates a person"""
WEIGHED_FROM = 50_000
"""templates from which memory is told: below, it is taken from what was used and given back before"""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One index, searched with one effort."""

    bench: str
    templates: int
    index: str
    effort: float | None
    recall_mated: float
    recall_non_mated: float
    fnir: float | None
    """at FPIR 1 %, by the nearest template found; of our indexes"""
    fnir_exact: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    distances: float | None
    """computed, as a share of the templates"""
    memory: float | None
    """as a multiple of the raw float32 vectors; None in a sweep and for few templates"""
    build_s: float | None
    against: str | None
    against_p50_ms: float | None
    ratio: float | None
    """times as fast as that, by the medians of searches in turn"""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, EngineError."""
    options = _parse(argv)
    if options.spectrum:
        return _spectrum(options)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    spectrum = _read_spectrum()
    points: list[Point] = []
    for size in options.templates or (QUICK_SIZES if options.quick else SIZES):
        for row in _rows(spectrum, size, options):
            recalled = (row.recall_mated + row.recall_non_mated) / 2
            points.append(Point(row.index, row.templates, recalled, row.p50_ms))
            _print(asdict(row), _line(row), options.json)
    if not options.skip_chores:
        with threadpool_limits(1):
            for chore in chores(spectrum, QUICK_SIZES[-1] if options.quick else options.chores):
                against = (
                    "" if chore.ratio is None else f"  {chore.ratio:.2f} times as good as {chore.against}"
                )
                line = f"{chore.templates:>9,} {chore.chore:34} {chore.value:10.3f} {chore.unit}{against}"
                _print({"bench": "indexes chores"} | asdict(chore), line, options.json)
    if options.plot is not None:
        plot(points, options.plot)
    return 0


def _rows(spectrum: Spectrum, size: int, options: argparse.Namespace) -> Iterator[IndexRow]:
    from threadpoolctl import threadpool_limits

    gallery = DrawnGallery(spectrum, max(1, size // EACH), EACH)
    task = make_task(gallery, options.probes)
    ours = OurHnsw(spectrum.dimension, len(gallery))
    built = fill(ours, gallery.blocks(), len(gallery))
    with threadpool_limits(1):
        yield from _sweep(ours, task, len(gallery))
        ours.set_effort(ours.usual)
        answers = found(ours, task)
    yield _row(ours, ours.usual, task, answers, len(gallery), built)
    wanted = sum(recall(task, answers))
    for other in others(spectrum.dimension, len(gallery)):
        if options.only and other.name not in options.only:
            continue
        built = fill(other, gallery.blocks(), len(gallery))
        with threadpool_limits(1):
            enough = other.usual
            for row in _sweep(other, task, len(gallery)):
                yield row
                if row.effort is not None and row.recall_mated + row.recall_non_mated < wanted:
                    enough = next((each for each in other.efforts if each > row.effort), row.effort)
            other.set_effort(enough)
            beside, answers = duel(ours, other, task, options.rounds)
        yield _row(other, enough, task, answers, len(gallery), built, ours.name, beside)


def _sweep(contestant: Contestant, task: Task, size: int) -> Iterator[IndexRow]:
    for effort in contestant.efforts:
        contestant.set_effort(effort)
        yield _row(contestant, effort, task, found(contestant, task), size)


def _row(
    contestant: Contestant,
    effort: float,
    task: Task,
    answers: Answers,
    size: int,
    built: Built | None = None,
    against: str | None = None,
    beside: Answers | None = None,
) -> IndexRow:
    mated, non_mated = recall(task, answers)
    raw = 4 * size * task.probes.shape[1]
    distances = contestant.distances(task.probes, answers.rows)
    missed = None if distances is None else round(fnir(task, answers.rows, distances), 4)
    return IndexRow(
        bench="indexes",
        templates=size,
        index=contestant.name,
        effort=effort or None,
        recall_mated=round(mated, 4),
        recall_non_mated=round(non_mated, 4),
        fnir=missed,
        fnir_exact=round(fnir(task, task.nearest, task.distances), 4),
        p50_ms=round(answers.at(0.5), 4),
        p95_ms=round(answers.at(0.95), 4),
        p99_ms=round(answers.at(0.99), 4),
        distances=None if answers.distances is None else round(answers.distances / size, 4),
        memory=None if built is None or size < WEIGHED_FROM else round(built.bytes / raw, 3),
        build_s=None if built is None else round(built.seconds, 1),
        against=against,
        against_p50_ms=None if beside is None else round(beside.at(0.5), 4),
        ratio=None if beside is None else round(beside.at(0.5) / answers.at(0.5), 3),
    )


def _line(row: IndexRow) -> str:
    effort = "" if row.effort is None else f"{row.effort:g}"
    line = (
        f"{row.templates:>9,} {row.index:17} {effort:>5}  recall {row.recall_mated:.3f} mated "
        f"{row.recall_non_mated:.3f} non-mated  {row.p50_ms:8.3f} {row.p95_ms:8.3f} {row.p99_ms:8.3f} ms"
    )
    if row.fnir is not None:
        line += f"  FNIR {row.fnir:.3f} ({row.fnir_exact:.3f})"
    if row.distances is not None:
        line += f"  {100 * row.distances:.2f} % of distances"
    if row.memory is not None:
        line += f"  {row.memory:.2f} x raw"
    if row.build_s is not None:
        line += f"  built in {row.build_s:.1f} s"
    if row.ratio is not None:
        line += f"  {row.ratio:.2f} times as fast as {row.against} ({row.against_p50_ms:.3f} ms)"
    return line


def _print(row: dict[str, object], line: str, as_json: bool) -> None:
    sys.stdout.write((json.dumps(row) if as_json else line) + "\n")
    sys.stdout.flush()


def _read_spectrum() -> Spectrum:
    try:
        return read_spectrum()
    except (OSError, ValueError, KeyError) as error:
        raise BadInputError(
            f"{SPECTRUM_FILE}: cannot be read ({error}); measure it with --spectrum"
        ) from error


def _spectrum(options: argparse.Namespace) -> int:
    """Print the spectrum of real vectors as JSON, and on standard error how like them drawn ones are."""
    from benchmarks._spectrum import as_json, lines, measure
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.context import make_context
    from pipeline.commands.evaluations.faces import describe_sets

    if options.sets is None:
        raise BadInputError(
            "name the folder of lfw_*.tar and ytf_frames.tar with --sets or FACESTREAM_TEST_DATA"
        )
    context = make_context(None, options.data, options.set, options.json, False)
    names = ("lfw_dev", "ytf_frames", "lfw_view2")
    sets = [open_photo_set(Path(options.sets) / f"{name}.tar") for name in names]
    dev, ytf, view2 = describe_sets(context, *sets)
    measured = measure(dev, ytf.without(set(view2.people)))
    sys.stdout.write(json.dumps(as_json(measured, context.config.embedding.model)) + "\n")
    for line in lines(measured):
        context.say(line)
    return 0


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench indexes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--templates", type=int, nargs="+", help="sizes of galleries")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SIZES} templates")
    parser.add_argument("--probes", type=int, default=500, help="mated, and as many non-mated")
    parser.add_argument("--rounds", type=int, default=3, help="of each pair; medians are printed")
    parser.add_argument("--only", nargs="+", metavar="INDEX", help="whom to compare with our HNSW")
    parser.add_argument("--chores", type=int, default=CHORES, help="templates to enrol, save and filter with")
    parser.add_argument("--skip-chores", action="store_true")
    parser.add_argument("--plot", type=Path, help="PNG of recall against time")
    parser.add_argument(
        "--spectrum", action="store_true", help="measure the spectrum of real vectors instead"
    )
    parser.add_argument(
        "--sets",
        default=os.environ.get("FACESTREAM_TEST_DATA"),
        help="folder of lfw_*.tar and ytf_frames.tar",
    )
    parser.add_argument("--data", type=Path, default=None, help="folder where described photos are kept")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
