"""Which crop suits the FaceNet weights: fits the box transform on LFW's dev people, and compares crops.

    python run_pipeline.py bench crop                 the table of docs/crop.md
    python run_pipeline.py bench crop --fit           the coefficients for `crop:` in config/models.yaml

Nothing is chosen on View 2: transform and margin come from people who are in none of its pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks._crop_fit import collect, fit, overlap
from benchmarks._crop_kinds import PLAIN, SIZE_PX, CropKind, Shown, crop_kinds, mean_template, shipped_rule
from benchmarks._networks import Networks, open_networks
from benchmarks._photos import face_meant, photos_in
from engines.evaluation.lfw import View2, score
from engines.evaluation.lfw_pairs import read_pairs
from engines.evaluation.verification import squared_distances
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import cut
from pipeline.arrays import F32
from pipeline.commands.context import models_folder
from pipeline.commands.evaluations.faces import middle_box
from pipeline.errors import BadInputError

INPUT_PX = 512
"""of CenterFace: photos of 250 px are seen as they are, and whole at twice their size"""
BATCH = 16
NO_TEMPLATE = np.zeros((5, 2), np.float32)


@dataclass(frozen=True, slots=True)
class CropRow:
    """A line of the table."""

    crop: str
    iou_held_out: float | None
    """mean overlap with MTCNN's box on dev people whom the fit had not seen"""
    accuracy: float
    accuracy_sem: float | None
    val_at_far_1e3: float
    val_sem: float | None
    threshold: float
    auc: float
    d_prime: float
    detection_failures: int
    """photos without a detection; their middle was cut instead"""
    against: str
    ratio: float
    """errors on View 2 as a multiple of those of `against`"""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of every photo, for one kind of crop."""

    rows: F32
    """(N, D)"""
    detection_failures: int


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, EngineError."""
    options = _parse(argv)
    if options.data is None:
        raise BadInputError("name the folder of lfw_dev.tar with --data or FACESTREAM_TEST_DATA")
    with ExitStack() as close:
        networks = open_networks(options.models, INPUT_PX, close)
        _say(f"{networks.how}; fitting on dev people")
        samples = collect(networks, photos_in(options.data / "lfw_dev.tar"))
        transform = fit(samples)
        if options.fit:
            _print_fit(transform, len(samples))
            return 0
        kinds = crop_kinds(transform, mean_template(samples, shipped_rule(transform)))
        check = crop_kinds(fit([sample for sample in samples if not sample.held_out]), NO_TEMPLATE)
        overlaps = {k.name: None if k.boxes is None else overlap(samples, k.boxes) for k in check}
        _say("embedding the photos of View 2")
        names, vectors = _embed(networks, options.data / "lfw_view2.tar", kinds)
    pairs = read_pairs(options.data / "lfw_pairs.txt")
    at = pairs.rows_in(names, "lfw_view2.tar")
    results = {
        kind: score(squared_distances(found.rows[at.first], found.rows[at.second]), pairs)
        for kind, found in vectors.items()
    }
    for kind, view2 in results.items():
        row = _row(kind, overlaps[kind], view2, vectors[kind].detection_failures, results[PLAIN])
        sys.stdout.write((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
    return 0


def _embed(
    networks: Networks, archive: Path, kinds: Sequence[CropKind]
) -> tuple[list[str], dict[str, Vectors]]:
    """Names of an archive's photos, and their vectors by kind of crop."""
    names: list[str] = []
    parts: dict[str, list[F32]] = {kind.name: [] for kind in kinds}
    failures = dict.fromkeys(parts, 0)
    seen = _seen(networks, archive, names)
    while batch := list(islice(seen, BATCH)):
        for kind in kinds:
            cuts = [kind.crop(shown) for shown in batch]
            failures[kind.name] += sum(len(crop) == 0 for crop in cuts)
            crops = [
                crop if len(crop) else cut(shown.image, middle_box(shown.image)[None], SIZE_PX)
                for crop, shown in zip(cuts, batch, strict=True)
            ]
            parts[kind.name].append(networks.embedder.embed(np.concatenate(crops)))
    return names, {name: Vectors(np.concatenate(part), failures[name]) for name, part in parts.items()}


def _seen(networks: Networks, archive: Path, names: list[str]) -> Iterator[Shown]:
    """The photos of an archive through both detectors; their names are added to `names`."""
    for photo in photos_in(archive):
        names.append(photo.name)
        (own,), (other,) = networks.centerface.detect([photo.image]), networks.mtcnn.detect([photo.image])
        yield Shown(photo.image, face_meant(own, photo.image), face_meant(other, photo.image))


def _row(kind: str, iou: float | None, view2: View2, failures: int, base: View2) -> CropRow:
    return CropRow(
        crop=kind,
        iou_held_out=None if iou is None else round(iou, 4),
        accuracy=round(view2.accuracy, 4),
        accuracy_sem=_rounded(view2.accuracy_sem),
        val_at_far_1e3=round(view2.val, 4),
        val_sem=_rounded(view2.val_sem),
        threshold=round(view2.threshold, 3),
        auc=round(view2.auc, 5),
        d_prime=round(view2.d_prime, 3),
        detection_failures=failures,
        against=PLAIN,
        ratio=round((1.0 - view2.accuracy) / (1.0 - base.accuracy), 3),
    )


def _line(row: CropRow) -> str:
    iou = "" if row.iou_held_out is None else f"{row.iou_held_out:.4f}"
    return (
        f"{row.crop:30} IoU {iou:6}  accuracy {_with_error(row.accuracy, row.accuracy_sem)}  "
        f"VAL@1e-3 {_with_error(row.val_at_far_1e3, row.val_sem)}  threshold {row.threshold:.3f}  "
        f"AUC {row.auc:.5f}  d' {row.d_prime:.3f}  "
        f"failures {row.detection_failures}  errors x{row.ratio:.2f}"
    )


def _with_error(value: float, sem: float | None) -> str:
    return f"{value:.4f}" if sem is None else f"{value:.4f} ± {sem:.4f}"


def _rounded(sem: float | None) -> float | None:
    return None if sem is None else round(sem, 4)


def _print_fit(transform: BoxTransform, photos: int) -> None:
    rows = "\n".join(
        f"    - [{', '.join(f'{value:.5f}' for value in row)}]" for row in transform.coefficients
    )
    sys.stdout.write(
        f"crop:\n  fitted_on: {photos} photos of lfw_dev.tar, bench crop --fit\n  coefficients:\n{rows}\n"
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench crop", description="Compare face crops on LFW."
    )
    data = os.environ.get("FACESTREAM_TEST_DATA")
    parser.add_argument("--data", type=Path, default=data and Path(data), help="folder of lfw_*.tar")
    parser.add_argument("--models", type=Path, default=models_folder(), help="folder of model files")
    parser.add_argument("--fit", action="store_true", help="print the fitted coefficients and stop")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)


def _say(text: str) -> None:
    sys.stderr.write(f"bench crop: {text}\n")
