"""What may be done to vectors after the network: the centre that ships, beside what did not help enough.

    python run_pipeline.py bench centre               the table of docs/evaluate.md
    python run_pipeline.py bench centre --fit         the centre for config/statistics

Everything is fitted on strangers, one photo of each of LFW's dev people, and chosen by the columns `dev` and `ytf`,
whose people are in no pair of View 2.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from engines.arrays import F32, F64, I64, Bools
from engines.centre import read_centre
from engines.evaluation.face_set import FaceSet
from engines.evaluation.lfw import score
from engines.evaluation.lfw_pairs import Pairs, read_pairs
from engines.evaluation.verification import distance_matrix, threshold_at_far, val_at
from engines.zoo.catalogue import read_catalogue
from pipeline.assemble.recognition import CATALOGUE_FILE, open_recognition
from pipeline.capture.photo_set import open_photo_set
from pipeline.commands.context import Context, make_context
from pipeline.commands.evaluations.faces import describe_set
from pipeline.commands.output import model_progress
from pipeline.embedding.embedder import unit_length
from pipeline.errors import BadInputError

PLAIN = "as the network gives them"
KEPT_AXES = 128
"""principal axes in the whitened rows: beyond about a hundred the vectors hardly extend"""
SMALL_VARIANCE = 1e-6
DECIMALS = 6
DEV_FAR, YTF_FAR = 1e-3, 1e-2
"""the lowest rates that 140 and 216 genuine pairs say something about"""


@dataclass(frozen=True, slots=True)
class Sets:
    """The described photos, with vectors as the network gives them."""

    dev: FaceSet
    ytf: FaceSet
    """frames of the people who are in no pair of View 2"""
    view2: FaceSet
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Kind:
    """Something to do to vectors after the network."""

    name: str
    vectors: Callable[[FaceSet], F32]
    """(N, D) unit length"""
    by_cohort: bool = False
    """whether similarities are told in standard deviations from those to strangers (symmetric score normalisation)"""


@dataclass(frozen=True, slots=True)
class CentreRow:
    """A line of the table."""

    kind: str
    dev_val_at_far_1e3: float
    ytf_val_at_far_1e2: float
    accuracy: float
    """View 2, as what follows"""
    accuracy_sem: float | None
    val_at_far_1e3: float
    val_sem: float | None
    auc: float
    against: str
    ratio: float
    """genuine pairs refused at FAR 1e-3 on View 2, as a multiple of those refused of `against`"""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, EngineError."""
    options = _parse(argv)
    if options.sets is None:
        raise BadInputError(
            "name the folder of lfw_*.tar and ytf_frames.tar with --sets or FACESTREAM_TEST_DATA"
        )
    context = make_context(None, options.data, options.set, options.json, False)
    sets = _read(context, Path(options.sets))
    if options.fit:
        centre = strangers_mean(sets.dev)
        about = {
            "model": context.config.embedding.model,
            "measured_on": f"lfw_dev.tar, one photo of each of {len(set(sets.dev.people)):,} people",
            "command": "run_pipeline.py bench centre --fit",
        }
        sys.stdout.write(json.dumps(about | {"centre": [round(x, DECIMALS) for x in centre.tolist()]}) + "\n")
        return 0
    for row in _rows(sets):
        sys.stdout.write((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
    return 0


def strangers_mean(dev: FaceSet) -> F64:
    """The mean vector (D,), everybody counted once, by their first photo."""
    return _mean(dev.vectors[_firsts(dev)])


def uncentred(vectors: F32, centre: F32) -> F32:
    """The network's unit vectors (N, D) from those that `centre` (D,) was taken off of, exactly.

    A centred vector c is (v - m) / |v - m|, so v = s c + m, with the s > 0 for which |v| = 1.
    """
    along = vectors.astype(np.float64) @ centre
    scale = -along + np.sqrt(along**2 + 1.0 - float(centre.astype(np.float64) @ centre))
    return np.asarray(scale[:, None] * vectors + centre, np.float32)


def kinds(dev: FaceSet) -> Iterator[Kind]:
    """Everything that is compared, fitted on the strangers of `dev`."""
    mean, firsts = strangers_mean(dev), _firsts(dev)
    spread, axes = np.linalg.eigh(np.cov(dev.vectors[firsts].astype(np.float64), rowvar=False))
    spread, axes = np.maximum(spread[::-1][:KEPT_AXES], SMALL_VARIANCE), axes[:, ::-1][:, :KEPT_AXES]
    flip_mean = _mean(_flipped(dev)[firsts])

    def moved(part: float) -> Callable[[FaceSet], F32]:
        return lambda faces: _unit(faces.vectors - part * mean)

    def whitened(power: float) -> Callable[[FaceSet], F32]:
        return lambda faces: _unit((faces.vectors - mean) @ axes / spread**power)

    yield Kind(PLAIN, lambda faces: faces.vectors)
    yield Kind("half of the centre taken off", moved(0.5))
    yield Kind("the centre taken off (shipped)", moved(1.0))
    yield Kind("centre, variances to the power 0.8", whitened(0.1))
    yield Kind("centre, variances to the power 0.5", whitened(0.25))
    yield Kind("centre, variances all alike", whitened(0.5))
    yield Kind("centre, scores against strangers", moved(1.0), by_cohort=True)
    yield Kind("mirrored crop added", _flipped)
    yield Kind("mirrored crop added, centre", lambda faces: _unit(_flipped(faces) - flip_mean))


def _rows(sets: Sets) -> Iterator[CentreRow]:
    at = sets.pairs.rows_in(sets.view2.names, "lfw_view2.tar")
    base = None
    for kind in kinds(sets.dev):
        cohort = _cohort(sets.dev, kind)
        dev = _distances(kind, sets.dev, cohort)
        ytf = _distances(kind, sets.ytf, cohort)
        test = score(_distances(kind, sets.view2, cohort)[at.first, at.second].astype(np.float64), sets.pairs)
        base = base or test
        yield CentreRow(
            kind=kind.name,
            dev_val_at_far_1e3=round(_val(dev, sets.dev, DEV_FAR), 4),
            ytf_val_at_far_1e2=round(_val(ytf, sets.ytf, YTF_FAR), 4),
            accuracy=round(test.accuracy, 4),
            accuracy_sem=None if test.accuracy_sem is None else round(test.accuracy_sem, 4),
            val_at_far_1e3=round(test.val, 4),
            val_sem=None if test.val_sem is None else round(test.val_sem, 4),
            auc=round(test.auc, 5),
            against=PLAIN,
            ratio=round((1.0 - test.val) / (1.0 - base.val), 3),
        )


def _cohort(dev: FaceSet, kind: Kind) -> F32 | None:
    return kind.vectors(dev)[_firsts(dev)] if kind.by_cohort else None


def _firsts(faces: FaceSet) -> I64:
    """The first row (P,) of each person."""
    return np.unique(np.array(faces.people), return_index=True)[1].astype(np.int64)


def _mean(vectors: F32) -> F64:
    return np.asarray(vectors.mean(axis=0, dtype=np.float64))


def _distances(kind: Kind, faces: FaceSet, cohort: F32 | None) -> F32:
    """Of every two photos (N, N); with a cohort what stands for a distance, rising as similarity falls."""
    vectors = kind.vectors(faces)
    distances = distance_matrix(vectors, vectors)
    if cohort is None:
        return distances
    strangers = distance_matrix(vectors, cohort)
    mean, deviation = strangers.mean(axis=1), strangers.std(axis=1)
    by_row = (distances - mean[:, None]) / deviation[:, None]
    # within the distances that thresholds are looked for in: strangers at 2, a standard deviation a tenth
    return np.asarray(2.0 + (by_row + by_row.T) / 20.0, np.float32)


def _val(distances: F32, faces: FaceSet, far: float) -> float:
    """VAL over all pairs of photos of two videos (or of two photos, where there are none)."""
    first, second = np.triu_indices(len(faces), 1)
    people, groups = faces.person_numbers, faces.group_numbers
    same: Bools = people[first] == people[second]
    videos = bool(np.any(np.array(faces.groups) != np.array(faces.people)))
    apart = groups[first] != groups[second] if videos else np.ones(len(first), np.bool_)
    of_pairs = distances[first, second].astype(np.float64)
    return val_at(of_pairs[same & apart], threshold_at_far(of_pairs[~same], far))


def _flipped(faces: FaceSet) -> F32:
    return _unit(faces.vectors.astype(np.float64) + faces.flipped)


def _unit(vectors: F64 | F32) -> F32:
    return unit_length(np.asarray(vectors, np.float32))


def _read(context: Context, folder: Path) -> Sets:
    model = read_catalogue(CATALOGUE_FILE).model(context.config.embedding.model)
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        dev, ytf, view2 = (
            describe_set(context, recognition, open_photo_set(folder / f"{name}.tar"), flipped=True)
            for name in ("lfw_dev", "ytf_frames", "lfw_view2")
        )
    if model.centre is not None:
        centre = read_centre(model.centre, model.dimension or 0)
        dev, ytf, view2 = (_uncentred_set(faces, centre) for faces in (dev, ytf, view2))
    return Sets(dev, ytf.without(set(view2.people)), view2, read_pairs(folder / "lfw_pairs.txt"))


def _uncentred_set(faces: FaceSet, centre: F32) -> FaceSet:
    return replace(faces, vectors=uncentred(faces.vectors, centre), flipped=uncentred(faces.flipped, centre))


def _line(row: CentreRow) -> str:
    return (
        f"{row.kind:36} dev {row.dev_val_at_far_1e3:.4f}  ytf {row.ytf_val_at_far_1e2:.4f}  "
        f"View 2: accuracy {row.accuracy:.4f} ± {row.accuracy_sem or 0:.4f}  "
        f"VAL@1e-3 {row.val_at_far_1e3:.4f} ± {row.val_sem or 0:.4f}  AUC {row.auc:.5f}  refused x{row.ratio:.2f}"
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench centre", description="Vectors after the network."
    )
    parser.add_argument(
        "--sets",
        default=os.environ.get("FACESTREAM_TEST_DATA"),
        help="folder of lfw_*.tar and ytf_frames.tar",
    )
    parser.add_argument(
        "--data", type=Path, default=None, help="data folder, where described photos are kept"
    )
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--fit", action="store_true", help="print the centre and stop")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
