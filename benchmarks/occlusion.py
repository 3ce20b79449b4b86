"""What covers in front of faces cost, and whether the quality score's part `occlusion` sees them.

    python run_pipeline.py bench occlusion            the table of docs/quality.md, a row a kind of cover
    python run_pipeline.py bench occlusion --fit      the weights, to config/statistics/occlusion.npz

Covers are painted into photos of LFW's dev people, whose faces are then detected and cut anew. In a row the
network was taught with half of the people and without covers of that kind, and is asked about the other half; the
first row leaves out people only. What ships was taught with all people and kinds. Nobody here is in View 2.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._occluders import OCCLUDERS, Sitter, covered
from benchmarks._occlusion_fit import CLEAN, EPOCHS, SEED, Samples, fit, write_weights
from benchmarks._photos import face_meant, photos_in
from config.load import load
from engines.evaluation.verification import squared_distances
from engines.progress import ignore
from pipeline.alignment.occlusion import WEIGHTS_FILE, OcclusionNet, read_net, shrunk
from pipeline.arrays import F32, U8
from pipeline.assemble.recognition import Recognition, open_recognition
from pipeline.commands.context import models_folder
from pipeline.errors import BadInputError, OutsideError
from pipeline.types import Faces

COVERS = 6
"""painted over each photo, one at a time"""
SAME_FACE = 0.35
"""intersection over union with the clean box; a covered face found elsewhere is another face"""
COSTLY = 0.3
"""squared L2"""
FALSE_ALARMS = 0.05
"""of the clean faces"""


@dataclass(frozen=True, slots=True)
class OcclusionRow:
    """A line of the table."""

    left_out: str
    """the kind that was not taught"""
    covers: int
    """on the people not taught"""
    cost: float
    """mean squared L2 distance that they add"""
    predicted: float
    """mean of what the network says they add"""
    predicted_clean: float
    """95th percentile on the clean faces of people not taught"""
    found: float
    """of the covers that cost more than 0.3, those above that percentile"""
    found_by_score: float
    """the same by the detector's score"""
    against: str
    ratio: float


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, SourceError, EngineError, OutsideError."""
    options = _parse(argv)
    if options.data is None:
        raise BadInputError("name the folder of lfw_dev.tar with --data or FACESTREAM_TEST_DATA")
    with open_recognition(load(None, os.environ, ()), options.models, ignore) as recognition:
        samples = make_samples(recognition, options.data / "lfw_dev.tar")
    if options.fit:
        try:
            write_weights(fit(samples), options.out)
        except OSError as error:
            raise OutsideError(
                f"{options.out} cannot be written ({error.strerror}); name another --out"
            ) from error
        return 0
    for row in measure(samples):
        sys.stdout.write((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
        sys.stdout.flush()
    return 0


def measure(samples: Samples, epochs: int = EPOCHS) -> Iterator[OcclusionRow]:
    """A row a kind of cover left out, before them one with all kinds taught."""
    for number, name in ((CLEAN, "none"), *enumerate(OCCLUDERS)):
        split = leave_out(samples, number)
        yield _row(name, _in_memory(split.taught, epochs), split)


@dataclass(frozen=True, slots=True)
class Split:
    """What a network is taught, and what it is asked about, of other people."""

    taught: Samples
    clean: Samples
    covered: Samples


def leave_out(samples: Samples, kind: int) -> Split:
    """Half of the people without covers of this kind, and the other half with no others; CLEAN: with all, for all."""
    taught = samples.person % 2 == 0
    clean, of_kind = samples.kind == CLEAN, samples.kind == kind
    every = kind == CLEAN
    return Split(
        samples.where(taught & (~of_kind | every)),
        samples.where(~taught & clean),
        samples.where(~taught & ~clean & (of_kind | every)),
    )


def make_samples(recognition: Recognition, archive: Path, covers: int = COVERS, seed: int = SEED) -> Samples:
    """Every photo's face clean, and with covers in front, as the detector finds it then."""
    chance = np.random.default_rng(seed)
    people: dict[str, int] = {}
    sitters, clean = [], []
    for photo in photos_in(archive):
        face = face_meant(recognition.detect(photo.image), photo.image)
        if len(face):
            number = people.setdefault(photo.person, len(people))
            sitters.append(Sitter(photo.image, face.boxes[0], face.landmarks[0]))
            clean.append(_Shot(recognition.networks.crop.crops(photo.image, face), face, CLEAN, number))
    vectors = _vectors(recognition, clean)
    shots, costs = list(clean), [np.zeros(len(clean), np.float32)]
    kinds = tuple(OCCLUDERS)
    for row, sitter in enumerate(sitters):
        spoiled = []
        for turn in range(covers):
            kind = (row * covers + turn + row // len(kinds)) % len(kinds)
            other = sitters[int(chance.integers(len(sitters)))]
            image = covered(sitter, other, kinds[kind], chance)
            face = _same_face(recognition.detect(image), sitter)
            if len(face):
                crop = recognition.networks.crop.crops(image, face)
                spoiled.append(_Shot(crop, face, kind, clean[row].person))
        shots.extend(spoiled)
        costs.append(squared_distances(_vectors(recognition, spoiled), vectors[row]).astype(np.float32))
    return Samples(
        np.stack([shrunk(shot.crop[0]) for shot in shots]),
        np.concatenate(costs),
        np.array([shot.kind for shot in shots], np.int64),
        np.array([shot.person for shot in shots], np.int64),
        np.concatenate([shot.face.scores for shot in shots]),
    )


@dataclass(frozen=True, slots=True)
class _Shot:
    crop: U8
    """(1, S, S, 3)"""
    face: Faces
    """one"""
    kind: int
    person: int


def _vectors(recognition: Recognition, shots: Sequence[_Shot]) -> F32:
    embedder, size = recognition.networks.embedder, recognition.networks.crop.size_px
    none = np.zeros((0, size, size, 3), np.uint8)
    return embedder.embed(np.concatenate([none, *(shot.crop for shot in shots)]))


def _same_face(faces: Faces, sitter: Sitter) -> Faces:
    """The face that lies where the sitter's is, (1,) or none."""
    low = np.maximum(faces.boxes[:, :2], sitter.box[:2])
    high = np.minimum(faces.boxes[:, 2:], sitter.box[2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
    own = float(np.prod(sitter.box[2:] - sitter.box[:2]))
    overlap = shared / (np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1) + own - shared)
    best = np.argsort(-overlap, kind="stable")[:1]
    return faces.take(best[overlap[best] >= SAME_FACE])


def _in_memory(samples: Samples, epochs: int) -> OcclusionNet:
    """Taught, and read back as it would ship."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS_FILE.name
        write_weights(fit(samples, epochs), path)
        return read_net(path)


def _row(name: str, net: OcclusionNet, split: Split) -> OcclusionRow:
    clean, asked = split.clean, split.covered
    of_clean, of_asked = net.cost_of_small(clean.small), net.cost_of_small(asked.small)
    costly = asked.cost > COSTLY
    limit = float(np.quantile(of_clean, 1 - FALSE_ALARMS))
    found = float(np.mean(of_asked[costly] > limit))
    by_score = float(np.mean(asked.score[costly] < np.quantile(clean.score, FALSE_ALARMS)))
    return OcclusionRow(
        left_out=name,
        covers=len(asked),
        cost=round(float(np.mean(asked.cost)), 3),
        predicted=round(float(np.mean(of_asked)), 3),
        predicted_clean=round(limit, 3),
        found=round(found, 3),
        found_by_score=round(by_score, 3),
        against="the detector's score",
        ratio=round(found / max(by_score, 1e-3), 2),
    )


def _line(row: OcclusionRow) -> str:
    return (
        f"{row.left_out:14} {row.covers:5} covers  cost {row.cost:.3f}  predicted {row.predicted:.3f} "
        f"(clean, 95 %: {row.predicted_clean:.3f})  found {row.found:.3f}, by score {row.found_by_score:.3f}"
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench occlusion", description="Covers before faces."
    )
    data = os.environ.get("FACESTREAM_TEST_DATA")
    parser.add_argument("--data", type=Path, default=data and Path(data), help="folder of lfw_dev.tar")
    parser.add_argument("--models", type=Path, default=models_folder(), help="folder of model files")
    parser.add_argument("--fit", action="store_true", help="teach with all, and write the weights")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE, help="where to write them")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    return parser.parse_args(argv)
