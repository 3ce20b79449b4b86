"""Labeled Faces in the Wild as the benchmarks read it, and its View 2 protocol.

Huang et al., "Labeled Faces in the Wild", UMass 07-49; protocol "unrestricted, labelled outside data": ten
sets of 300 matched and 300 mismatched pairs, the threshold for each chosen on the other nine.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from engines.evaluation.verification import area_under_roc, mean_sem, separation, threshold_at_far
from pipeline.arrays import F64, I64, U8, Bools
from pipeline.errors import BadInputError
from pipeline.types import Faces

ACCURACY_GRID = np.arange(0.0, 4.0, 0.01)
"""thresholds tried for accuracy, as in davidsandberg/facenet, src/facenet.py"""
VAL_FAR = 1e-3


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture of one person, who is in its middle."""

    name: str
    """Ann_Lee_0003"""
    person: str
    image: U8
    """(H, W, 3) RGB"""


def read_photos(archive: Path) -> Iterator[Photo]:
    """The photos of an archive of PERSON/PERSON_NNNN.jpg, in the archive's order. Raises BadInputError."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                stream = tar.extractfile(member) if path.suffix == ".jpg" else None
                if stream is not None:
                    image = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_COLOR)
                    if image is None:
                        raise BadInputError(f"{archive}: {member.name} is no photo; fetch the archive anew")
                    rgb = np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)
                    yield Photo(path.stem, path.parent.name, rgb)
    except (OSError, tarfile.TarError) as error:
        raise BadInputError(f"{archive} cannot be read: {error}; --data names its folder") from error


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of View 2."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    same: Bools
    """(P,)"""
    fold: I64
    """(P,) 0 to 9"""


def read_pairs(path: Path) -> Pairs:
    """LFW's pairs.txt: a header `folds pairs`, then `person a b` or `person a other b`. Raises BadInputError."""
    try:
        header, *lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}; --data names its folder") from error
    per_fold = 2 * int(header[1])
    first, second = [], []
    for words in lines:
        first.append(f"{words[0]}_{int(words[1]):04d}")
        second.append(f"{words[-2] if len(words) == 4 else words[0]}_{int(words[-1]):04d}")
    same = np.array([len(words) == 3 for words in lines], np.bool_)
    return Pairs(tuple(first), tuple(second), same, np.arange(len(lines), dtype=np.int64) // per_fold)


def central_face(faces: Faces, image: U8) -> Faces:
    """The face meant, (1,) or none: large and near the middle (area - 2 offset^2, as FaceNet's own alignment)."""
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    offsets = faces.boxes[:, :2] + sides / 2 - np.array(image.shape[1::-1], np.float32) / 2
    merit = np.prod(sides, axis=1) - 2 * np.sum(offsets**2, axis=1)
    return faces.take(np.argsort(-merit, kind="stable")[:1])


@dataclass(frozen=True, slots=True)
class View2:
    """Means over the ten folds, and their standard errors."""

    accuracy: float
    accuracy_sem: float
    val: float
    """matched pairs accepted at a false accept rate of 1e-3"""
    val_sem: float
    threshold: float
    """mean squared L2 distance of the ten accuracy thresholds"""
    auc: float
    """area under the ROC curve of all pairs"""
    d_prime: float
    """how many standard deviations matched and mismatched distances lie apart: unlike the others, moved little
    by single pairs"""


def score(distances: F64, pairs: Pairs) -> View2:
    """View 2 of squared L2 distances (P,), one a pair."""
    accuracies, vals, thresholds = [], [], []
    for fold in np.unique(pairs.fold):
        test = pairs.fold == fold
        train_d, train_same = distances[~test], pairs.same[~test]
        right = (train_d[:, None] < ACCURACY_GRID) == train_same[:, None]
        threshold = ACCURACY_GRID[int(np.argmax(right.sum(0)))]
        thresholds.append(threshold)
        accuracies.append(float(np.mean((distances[test] < threshold) == pairs.same[test])))
        strict = threshold_at_far(train_d[~train_same], VAL_FAR)
        vals.append(float(np.mean(distances[test & pairs.same] < strict)))
    auc = area_under_roc(distances, pairs.same)
    accuracy, val = mean_sem(accuracies), mean_sem(vals)
    return View2(
        accuracy.mean,
        accuracy.sem,
        val.mean,
        val.sem,
        float(np.mean(thresholds)),
        auc,
        separation(distances, pairs.same),
    )
