"""What defects cost a face's vector, measured, beside what the quality score says they cost.

    python run_pipeline.py bench quality              the table of docs/quality.md

Photos of LFW's dev people are spoiled in known ways; the cost is the mean squared L2 distance between the
vectors of the spoiled and the unspoiled crop. The score's own estimate is -ln(quality) / RATE.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks._photos import face_meant, photos_in
from config.load import load
from engines.evaluation.verification import squared_distances
from engines.progress import ignore
from pipeline.alignment.crop import CropRule
from pipeline.alignment.quality import RATE, judge
from pipeline.arrays import U8
from pipeline.assemble.recognition import Recognition, open_recognition
from pipeline.commands.context import models_folder
from pipeline.errors import BadInputError
from pipeline.types import Faces

EVERY = 8
"""of the dev photos one in so many is used: 194"""

Spoil = Callable[["Shot", CropRule], "Shot"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A photo's face and its crop."""

    image: U8
    face: Faces
    """one"""
    crop: U8
    """(1, S, S, 3)"""


@dataclass(frozen=True, slots=True)
class DefectRow:
    """A line of the table."""

    defect: str
    cost: float
    """mean squared L2 distance to the unspoiled crop's vector"""
    cost_p90: float
    estimated: float
    """median of what the quality score says"""
    quality: float
    """median"""
    against: str
    ratio: float
    """estimated cost over measured cost; 1 is perfect, and 0 where there is nothing to measure"""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, EngineError."""
    options = _parse(argv)
    if options.data is None:
        raise BadInputError("name the folder of lfw_dev.tar with --data or FACESTREAM_TEST_DATA")
    with open_recognition(load(None, os.environ, ()), options.models, ignore) as recognition:
        shots = list(_shots(recognition, options.data / "lfw_dev.tar"))
        for row in measure(recognition, shots):
            sys.stdout.write((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
    return 0


def measure(recognition: Recognition, shots: Sequence[Shot]) -> Iterator[DefectRow]:
    """A row a defect, the mildest of each kind first."""
    rule, embedder = recognition.networks.crop, recognition.networks.embedder
    clean = embedder.embed(np.concatenate([shot.crop for shot in shots]))
    for name, spoil in defects():
        spoiled = [spoil(shot, rule) for shot in shots]
        vectors = embedder.embed(np.concatenate([shot.crop for shot in spoiled]))
        costs = squared_distances(vectors, clean)
        quality = np.concatenate([judge(shot.crop, shot.face) for shot in spoiled])
        estimated = float(np.median(-np.log(np.maximum(quality, 1e-6)) / RATE))
        cost = float(np.mean(costs))
        yield DefectRow(
            defect=name,
            cost=round(cost, 3),
            cost_p90=round(float(np.quantile(costs, 0.9)), 3),
            estimated=round(estimated, 3),
            quality=round(float(np.median(quality)), 2),
            against="measured cost",
            ratio=round(estimated / cost, 2) if cost > 1e-3 else 0.0,
        )


def defects() -> Iterator[tuple[str, Spoil]]:
    """Names of defects, and what makes them."""
    yield "none", lambda shot, rule: shot
    for zoom in (0.7, 0.5, 0.35, 0.25, 0.18, 0.125):
        yield f"face {95 * zoom:.0f} px wide", _smaller(zoom)
    for sigma in (1.0, 2.0, 3.0, 4.0, 6.0):
        yield (
            f"blur, sigma {sigma:g} of 160 px",
            _through(lambda crop, s=sigma: cv2.GaussianBlur(crop, (0, 0), s)),
        )
    for length in (5, 9, 15, 21):
        kernel = np.full((1, length), 1.0 / length, np.float32)
        yield f"moved {length} of 160 px sideways", _through(lambda crop, k=kernel: cv2.filter2D(crop, -1, k))
    for gain in (0.4, 0.25, 0.15, 0.08, 1.5, 2.0, 3.0):
        yield f"brightness x{gain:g}", _through(lambda crop, g=gain: np.clip(crop * g, 0, 255))
    for gain in (0.5, 0.25, 0.12):
        yield f"contrast x{gain:g}", _through(lambda crop, g=gain: np.clip((crop - 128.0) * g + 128, 0, 255))
    for degrees in (10, 20, 30, 45):
        yield f"head tilted {degrees} degrees", _tilted(degrees)
    for part in (0.0, 0.1, 0.2):
        yield f"{part:.0%} cut off by the photo's edge", _cut_off(part)


def _through(change: Callable[..., object]) -> Spoil:
    """Spoil the crop itself."""

    def spoil(shot: Shot, rule: CropRule) -> Shot:
        return Shot(shot.image, shot.face, np.asarray(change(shot.crop[0])).astype(np.uint8)[None])

    return spoil


def _smaller(zoom: float) -> Spoil:
    """Shrink the photo, as if the person were farther away."""

    def spoil(shot: Shot, rule: CropRule) -> Shot:
        small = np.asarray(
            cv2.resize(shot.image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8
        )
        factor = np.float32(zoom)
        face = Faces(shot.face.boxes * factor, shot.face.landmarks * factor, shot.face.scores)
        return Shot(small, face, rule.crops(small, face))

    return spoil


def _tilted(degrees: float) -> Spoil:
    """Turn the photo about the face, whose upright box stays."""

    def spoil(shot: Shot, rule: CropRule) -> Shot:
        x, y = shot.face.landmarks[0].mean(axis=0).tolist()
        matrix = cv2.getRotationMatrix2D((x, y), degrees, 1.0)
        height, width = shot.image.shape[:2]
        turned = cv2.warpAffine(shot.image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        points = shot.face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        face = Faces(shot.face.boxes, points.astype(np.float32), shot.face.scores)
        return Shot(shot.image, face, rule.crops(np.asarray(turned, np.uint8), shot.face))

    return spoil


def _cut_off(part: float) -> Spoil:
    """Cut the photo off through the face, from below."""

    def spoil(shot: Shot, rule: CropRule) -> Shot:
        boxes = shot.face.boxes.copy()
        bottom = int(boxes[0, 3] - part * (boxes[0, 3] - boxes[0, 1]))
        boxes[:, 3] = np.minimum(boxes[:, 3], bottom)
        face = Faces(boxes, shot.face.landmarks, shot.face.scores)
        image = np.ascontiguousarray(shot.image[:bottom])
        return Shot(image, face, rule.crops(image, face))

    return spoil


def _shots(recognition: Recognition, archive: Path) -> Iterator[Shot]:
    for number, photo in enumerate(photos_in(archive)):
        if number % EVERY == 0:
            face = face_meant(recognition.detect(photo.image), photo.image)
            if len(face):
                yield Shot(photo.image, face, recognition.networks.crop.crops(photo.image, face))


def _line(row: DefectRow) -> str:
    return (
        f"{row.defect:32} cost {row.cost:.3f} (p90 {row.cost_p90:.3f})  estimated {row.estimated:.3f}  "
        f"quality {row.quality:.2f}"
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench quality", description="What defects cost.")
    data = os.environ.get("FACESTREAM_TEST_DATA")
    parser.add_argument("--data", type=Path, default=data and Path(data), help="folder of lfw_dev.tar")
    parser.add_argument("--models", type=Path, default=models_folder(), help="folder of model files")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
