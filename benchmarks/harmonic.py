"""Vectors of a new model among those of an old one: FaceNet's figure 8, on people who were in no training.

    python run_pipeline.py bench harmonic                          some eight minutes, most of them to describe faces
    python run_pipeline.py bench harmonic --features FILE.npz      keeps them there; a second run takes two minutes

v1 is a head of 128 dimensions on the middle of FaceNet's trunk, v2 one on all of it, both taught with triplets on the
training part of LFW's and YTF's people (engines/training/split.py); figures are of the test half. Beside the harmonic
v2: one that was taught alone, and the linear map from the trunk's features to v1's vectors with the least squares.

A row is a gallery of one model searched with the probes of another. `ratio` is its VAL over that of v1 in v1, the
gallery as it was. `far_at_own` and `val_at_own` are at the distance where the probes' model, among its own vectors, has
a FAR of 1e-3: what becomes of the rates where the model's own statistics of strangers set the distance for names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks._harmonic_faces import TwoDepthFaces, describe
from engines.arrays import F32, F64, I64
from engines.evaluation.held_out import held_out
from engines.evaluation.verification import distance_matrix, far_at, threshold_at_far, val_at
from engines.training.harmonic import Paired, train_harmonic
from engines.training.head_network import HeadNetwork
from engines.training.loop import train
from engines.training.settings import BestBy, Device, Optimizer, Settings
from engines.training.sources import FeatureSource
from engines.training.validation import validate_on, vectors_of
from pipeline.commands.context import make_context
from pipeline.errors import BadInputError

DIMENSION = 128
FAR = 1e-3
SEEDS = (0, 1, 2)
DAMPING = 1e3
"""of the least squares: without it they fit the training people and nobody else (chosen on validation people)"""
SETTINGS = Settings(
    steps=1500,
    people=30,
    photos=4,
    others=30,
    optimizer=Optimizer.ADAM,
    learning_rate=1e-3,
    decay_at=(1000, 1300),
    weight_decay=1e-4,
    validate_every=250,
    best_by=BestBy.VAL,
    device=Device.CPU,
    threads=1,
)
"""chosen on the validation people; the paper's AdaGrad at 0.05 is for a network with batch norms"""


@dataclass(frozen=True, slots=True)
class HarmonicRow:
    """A gallery searched with probes; means over the seeds."""

    bench: str
    v2: str
    """how v2 was made"""
    pair: str
    """probes and gallery: v2-v1"""
    accuracy: float
    accuracy_sem: float
    """over the ten folds"""
    val: float
    """at FAR 1e-3"""
    val_sem: float
    far_at_own: float
    val_at_own: float
    ratio: float
    against: str


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """What heads learn from and are judged on."""

    middle: F32
    whole: F32
    people: I64
    videos: I64
    train: I64
    """rows"""
    validation: I64
    test: I64


def main(argv: Sequence[str]) -> int:
    """Print the table as JSON lines."""
    parser = argparse.ArgumentParser("bench harmonic", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--features", type=Path, help="file to read the features of faces from, or to keep them in"
    )
    parser.add_argument("--part", choices=("validation", "test"), default="test", help="whose figures [test]")
    given = parser.parse_args(argv)
    torch.set_num_threads(1)  # a step multiplies 150 rows: two threads would wait for each other
    faces = prepared(read_faces(given.features))
    rows = [row for seed in SEEDS for row in rows_of(faces, seed, given.part)]
    for row in averaged(rows):
        sys.stdout.write(json.dumps(asdict(row)) + "\n")
        sys.stdout.flush()
    return 0


def read_faces(path: Path | None) -> TwoDepthFaces:
    """From the file where it is there, else made, and kept there. Raises BadInputError, SourceError, EngineError."""
    if path is not None and path.exists():
        try:
            return TwoDepthFaces.load(path)
        except (OSError, ValueError, KeyError) as error:
            raise BadInputError(f"{path}: no features of this benchmark ({error}); remove it") from error
    where = os.environ.get("FACESTREAM_TEST_DATA")
    if where is None:
        raise BadInputError(
            "set FACESTREAM_TEST_DATA to the folder with lfw_view2.tar, lfw_dev.tar, ytf_frames.tar"
        )
    with tempfile.TemporaryDirectory() as data:
        faces = describe(make_context(None, Path(data), None, False, False), Path(where))
    if path is not None:
        faces.save(path)
    return faces


def prepared(faces: TwoDepthFaces) -> Faces:
    """Features of mean 0 and deviation 1 over the training people; a head takes that into its weights."""
    rows = faces.rows_of("train")
    middle, whole = (
        ((each - each[rows].mean(0)) / (each[rows].std(0) + 1e-6)).astype(np.float32)
        for each in (faces.middle, faces.whole)
    )
    parts = (faces.rows_of(part) for part in ("validation", "test"))
    return Faces(middle, whole, faces.people, faces.videos, rows, *parts)


def rows_of(faces: Faces, seed: int, part: str) -> Iterator[HarmonicRow]:
    """All rows of one seed, v1 in v1 first."""
    v1 = taught(faces, faces.middle, None, seed)
    ways = {
        "alone": taught(faces, faces.whole, None, seed),
        "least squares": mapped(faces, v1),
        "harmonic": taught(faces, faces.whole, v1, seed),
    }
    first = judged(faces, part, "none", "v1-v1", v1, v1, 1.0)
    yield first
    for name, v2 in ways.items():
        sys.stderr.write(f"seed {seed}: {name}\n")
        yield judged(faces, part, name, "v2-v1", v2, v1, first.val)
        yield judged(faces, part, name, "v2-v2", v2, v2, first.val)


def taught(faces: Faces, features: F32, old: F32 | None, seed: int) -> F32:
    """Vectors (N, 128) of a head that was drawn anew and taught with triplets, harmonically where `old` is given."""
    torch.manual_seed(seed)
    network = HeadNetwork(features.shape[1], DIMENSION)
    settings = replace(SETTINGS, seed=seed)
    learning, choosing = (
        FeatureSource(features, faces.people, rows) for rows in (faces.train, faces.validation)
    )
    with tempfile.TemporaryDirectory() as folder:
        if old is None:
            train(network, learning, settings, Path(folder), validate=validate_on(choosing))
        else:
            beside = Paired(learning, old[faces.train]), Paired(choosing, old[faces.validation])
            train_harmonic(network, *beside, settings, Path(folder))
    return vectors_of(network, FeatureSource(features, faces.people))


def mapped(faces: Faces, v1: F32) -> F32:
    """The trunk's features (N, F) mapped onto v1's vectors (N, 128) by damped least squares on the training people."""
    x = np.c_[faces.whole, np.ones(len(faces.whole), np.float32)].astype(np.float64)
    known = x[faces.train]
    weights = np.linalg.solve(known.T @ known + DAMPING * np.eye(known.shape[1]), known.T @ v1[faces.train])
    found = x @ weights
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def judged(
    faces: Faces, part: str, how: str, pair: str, probes: F32, gallery: F32, reference: float
) -> HarmonicRow:
    """Probes (N, D) against a gallery (N, D) of the same photos, of the people of a part."""
    rows = faces.validation if part == "validation" else faces.test
    people, of_video = faces.people[rows], faces.videos[rows]
    found = held_out(gallery[rows], people, probes[rows], videos=of_video)
    own_threshold = threshold_at_far(_distances(probes[rows], probes[rows], people, False), FAR)
    apart = _distances(probes[rows], gallery[rows], people, False)
    alike = _distances(probes[rows], gallery[rows], people, True)
    return HarmonicRow(
        bench="harmonic",
        v2=how,
        pair=pair,
        accuracy=found.accuracy.mean,
        accuracy_sem=found.accuracy.sem,
        val=found.val.mean,
        val_sem=found.val.sem,
        far_at_own=far_at(apart, own_threshold),
        val_at_own=val_at(alike, own_threshold),
        ratio=found.val.mean / reference,
        against="v1-v1",
    )


def averaged(rows: Sequence[HarmonicRow]) -> Iterator[HarmonicRow]:
    """One row for each way and pair, in order: the mean of the seeds'; `ratio` anew."""
    reference = None
    for how, pair in dict.fromkeys((row.v2, row.pair) for row in rows):
        some = [row for row in rows if (row.v2, row.pair) == (how, pair)]
        val = float(np.mean([row.val for row in some]))
        reference = val if reference is None else reference
        yield replace(
            some[0],
            accuracy=_mean([row.accuracy for row in some]),
            accuracy_sem=_mean([row.accuracy_sem for row in some]),
            val=_mean([row.val for row in some]),
            val_sem=_mean([row.val_sem for row in some]),
            far_at_own=_mean([row.far_at_own for row in some]),
            val_at_own=_mean([row.val_at_own for row in some]),
            ratio=round(val / reference, 3),
        )


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 5)


def _distances(probes: F32, gallery: F32, people: I64, same: bool) -> F64:
    """Squared L2 of all pairs of two photos, of one person or of two."""
    wanted = (people[:, None] == people[None]) == same
    np.fill_diagonal(wanted, False)
    return np.asarray(distance_matrix(probes, gallery)[wanted], np.float64)
