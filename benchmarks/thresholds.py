"""What a distance threshold promises: rows for docs/thresholds.md, on people of LFW whom no test pair names.

Every photo goes through the product's own detector, crop and embedder, one photo a template. First 1:1: the
threshold at a false accept rate, and how many pairs of one person it accepts. Then 1:N, open set: for galleries
of several sizes, drawn at random many times, the rate at which somebody who is not in the gallery is taken for
somebody who is (FPIR, NIST FRTE), at given thresholds with the margin rule and at the threshold for a rate.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks._photos import face_meant, photos_in
from config.load import load
from config.schema import Config
from engines.evaluation.verification import threshold_at_far
from engines.progress import ignore
from pipeline.arrays import F32, F64
from pipeline.assemble import Recognition, open_recognition
from pipeline.commands.context import models_folder
from pipeline.errors import BadInputError

GALLERY_SIZES = (10, 100, 1000)
DRAWS = 100
FARS = (1e-2, 1e-3, 1e-4, 1e-5)
FPIRS = (0.003, 0.01, 0.05)


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code. Raises BadInputError, EngineError."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench thresholds", description=__doc__)
    data = os.environ.get("FACESTREAM_TEST_DATA")
    parser.add_argument(
        "--data", type=Path, default=data, help="folder of lfw_dev.tar [FACESTREAM_TEST_DATA]"
    )
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args(argv)
    if args.data is None:
        raise BadInputError("name the folder of lfw_dev.tar with --data or FACESTREAM_TEST_DATA")
    config = load(None, os.environ, args.set)
    with open_recognition(config, models_folder(), ignore) as recognition:
        people, vectors = describe(recognition, Path(args.data) / "lfw_dev.tar")
    distances = np.clip(2.0 - 2.0 * vectors.astype(np.float64) @ vectors.T.astype(np.float64), 0.0, 4.0)
    verification(distances, people, config)
    identification(distances, people, config)
    return 0


def describe(recognition: Recognition, archive: Path) -> tuple[list[str], F32]:
    """Each photo's person, and its vector (N, D); photos without a face are left out and told of."""
    people: list[str] = []
    vectors: list[F32] = []
    missed = 0
    for photo in photos_in(archive):
        faces = face_meant(recognition.detect(photo.image), photo.image)
        if len(faces) == 0:
            missed += 1
            continue
        people.append(photo.person)
        vectors.append(recognition.describe(photo.image, faces).vectors)
    say({"photos": len(people), "people": len(set(people)), "detection_failures": missed})
    return people, np.concatenate(vectors)


def verification(distances: F64, people: Sequence[str], config: Config) -> None:
    """1:1 over all pairs of photos."""
    names = np.array(people)
    pairs = np.triu_indices(len(names), 1)
    same = names[pairs[0]] == names[pairs[1]]
    genuine, impostor = distances[pairs][same], distances[pairs][~same]
    about = {"genuine_pairs": len(genuine), "impostor_pairs": len(impostor)}
    for far in FARS:
        at = threshold_at_far(impostor, far)
        say({"task": "1:1", "far": far, "threshold": at, "val": float(np.mean(genuine < at)), **about})
    at = config.verification.max_distance
    row = {"far": float(np.mean(impostor < at)), "threshold": at, "val": float(np.mean(genuine < at))}
    say({"task": "1:1", "key": "verification.max_distance", **row, **about})


def identification(distances: F64, people: Sequence[str], config: Config) -> None:
    """1:N: galleries of one photo a person, drawn anew many times; everybody else is a non-mated probe."""
    firsts = np.array([people.index(name) for name in sorted(set(people))])
    between = distances[np.ix_(firsts, firsts)]
    chance = np.random.default_rng(0)
    at, margin = config.matching.max_distance, config.matching.min_margin
    for size in GALLERY_SIZES:
        nearest: list[F64] = []
        second: list[F64] = []
        for _ in range(DRAWS):
            order = chance.permutation(len(firsts))
            found = np.partition(between[np.ix_(order[size:], order[:size])], 1, axis=1)
            nearest.append(found[:, 0])
            second.append(found[:, 1])
        first_d, second_d = np.concatenate(nearest), np.concatenate(second)
        named = (first_d < at) & (second_d - first_d >= margin)
        say(
            {
                "task": "1:N",
                "gallery": size,
                "median_nearest": float(np.median(first_d)),
                "threshold_at_fpir": {
                    str(rate): round(float(np.quantile(first_d, rate)), 4) for rate in FPIRS
                },
                "fpir_at_defaults": float(np.mean(named)),
                "max_distance": at,
                "min_margin": margin,
            }
        )


def say(row: Mapping[str, object]) -> None:
    """One row; floats with four decimals, rates as they are."""
    shown = {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}
    sys.stdout.write(json.dumps({"bench": "thresholds", **shown}) + "\n")
    sys.stdout.flush()
