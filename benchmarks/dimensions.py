"""How many numbers a face needs: heads of 64 to 512 on the default model's trunk, trained and plain, and as bytes.

    python run_pipeline.py bench dimensions           the tables of docs/training.md, in minutes
    python run_pipeline.py bench dimensions --json    a JSON line a row
    python run_pipeline.py bench dimensions --set embedding.model=facenet-128 --strangers FILE.json
                                                      how far apart the other half's people are to that model

Heads are trained as `train --network head` trains them, on half of the people of LFW and YouTube Faces; every row is
judged on the other half, on the same pairs (engines/evaluation/held_out.py). The first run finds and cuts the faces
and computes the trunk's features, all kept below the data folder.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks._dimensions_faces import PartedFaces, part_faces, through_trunk
from benchmarks._dimensions_kinds import ORIGINAL, Kind, kinds
from engines.evaluation.held_out import HeldOut, held_out
from engines.strangers import measure_strangers
from engines.training.leaks import LeakSide, under_two_names
from pipeline.commands.context import Context, make_context, write_out
from pipeline.commands.thresholds import described
from pipeline.errors import BadInputError, OutsideError

SETS = ("lfw_view2.tar", "lfw_dev.tar", "ytf_frames.tar")
DIMENSIONS = (64, 128, 256, 512)
"""of the paper's table 5"""


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """A line of the table; rates are of people in no training."""

    kind: str
    dimension: int
    bytes: int
    """of a face"""
    people: int
    matched: int
    """pairs"""
    accuracy: float
    accuracy_sem: float
    val_at_far_1e3: float
    val_sem: float
    val_at_far_1e4: float
    auc: float
    eer: float
    threshold: float
    """squared L2"""
    seconds: float
    """of training"""
    against: str
    ratio: float
    """of the errors, 1 - accuracy, to those of `against`"""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, SourceError, OutsideError and EngineError."""
    options = _parse(argv)
    if options.sets is None:
        raise BadInputError(f"name the folder of {', '.join(SETS)} with --sets or FACESTREAM_TEST_DATA")
    context = make_context(None, options.data, options.set, options.json, False)
    faces = part_faces(context, [Path(options.sets) / name for name in SETS])
    if options.strangers is not None:
        _write_strangers(context, faces, options.strangers)
        return 0
    for row in _rows(faces, kinds(context, through_trunk(context, faces), DIMENSIONS, options.steps)):
        write_out((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
    return 0


def _write_strangers(context: Context, faces: PartedFaces, path: Path) -> None:
    """Measure the people of the test half, as the configured embedder gives their vectors, and keep that."""
    model = described(context.config)
    rows = [row for row in faces.parts.test.tolist() if faces.faces.rows[row].faces]
    side = LeakSide(*_named(faces, rows), faces.faces.vectors[rows])
    twice = under_two_names(side, faces.run.same_person_distance)
    rows = [row for row, person in zip(rows, side.people, strict=True) if person not in twice]
    people, _ = _named(faces, rows)
    source = (
        f"{' '.join(SETS)}, the half of the people who are not in training, without {len(twice)} who are perhaps "
        f"others of them under a second name, by: python run_pipeline.py bench dimensions --set "
        f"embedding.model={model.name} --strangers FILE.json"
    )
    found = measure_strangers(faces.faces.vectors[rows], people, model.model_id, source)
    try:
        found.write(path)
    except OSError as error:
        raise OutsideError(f"{path} cannot be written ({error.strerror}); name another file") from error
    context.say(f"{path}: {found.people:,} people, {found.pairs:,} pairs")


def _named(faces: PartedFaces, rows: Sequence[int]) -> tuple[list[str], list[str]]:
    """People and photos of these rows."""
    found = [faces.faces.rows[row] for row in rows]
    return [each.person for each in found], [each.name for each in found]


def _rows(faces: PartedFaces, shown: Iterator[Kind]) -> Iterator[DimensionRow]:
    base: HeldOut | None = None
    for kind in shown:
        found = held_out(kind.vectors, faces.test_people, videos=faces.test_videos)
        base = base or found
        yield DimensionRow(
            kind=kind.name,
            dimension=kind.vectors.shape[1],
            bytes=kind.vectors.shape[1] * (1 if kind.in_bytes else 4),
            people=found.people,
            matched=found.matched,
            accuracy=round(found.accuracy.mean, 5),
            accuracy_sem=round(found.accuracy.sem, 5),
            val_at_far_1e3=round(found.val.mean, 4),
            val_sem=round(found.val.sem, 4),
            val_at_far_1e4=round(found.val_strict.mean, 4),
            auc=round(found.auc, 5),
            eer=round(found.eer, 5),
            threshold=round(found.threshold, 3),
            seconds=round(kind.seconds, 1),
            against=ORIGINAL,
            ratio=round((1.0 - found.accuracy.mean) / (1.0 - base.accuracy.mean), 3),
        )


def _line(row: DimensionRow) -> str:
    return (
        f"{row.kind:44} {row.dimension:4} {row.bytes:5} bytes  "
        f"accuracy {100 * row.accuracy:.2f} ± {100 * row.accuracy_sem:.2f}  "
        f"VAL@1e-3 {100 * row.val_at_far_1e3:.2f} ± {100 * row.val_sem:.2f}  @1e-4 {100 * row.val_at_far_1e4:.2f}  "
        f"AUC {row.auc:.5f}  errors x{row.ratio:.2f}"
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench dimensions", description="How many numbers a face needs."
    )
    parser.add_argument(
        "--sets",
        default=os.environ.get("FACESTREAM_TEST_DATA"),
        help=f"folder of {', '.join(SETS)}",
    )
    parser.add_argument(
        "--strangers", type=Path, metavar="FILE.json", help="write statistics of strangers there, and stop"
    )
    parser.add_argument("--steps", type=int, default=None, help="batches; default: those of train")
    parser.add_argument("--data", type=Path, default=None, help="data folder, where cut faces are kept")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
