"""The faces that heads are trained and judged on, parted as `train` parts them, with the trunk's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.arrays import F32, I64
from engines.evaluation.held_out import video_numbers
from engines.networks.weights import load_facenet
from engines.training.layer import Layer
from engines.training.trunk import last_layer
from engines.zoo.cache import ModelCache
from engines.zoo.description import ModelDescription
from engines.zoo.fetch import fetch
from pipeline.assemble.recognition import open_recognition
from pipeline.capture.photo_set import open_photo_set
from pipeline.commands.context import Context
from pipeline.commands.output import model_progress
from pipeline.commands.thresholds import verification_distance
from pipeline.commands.training.cutting import cut_sets
from pipeline.commands.training.parting import Gathered, Parts, gathered, part
from pipeline.commands.training.run_file import HEAD, TrainingRun, new_run
from pipeline.commands.training.trunk_features import trunk_features, trunk_model

SIDE_PX = 160


@dataclass(frozen=True, slots=True, eq=False)
class PartedFaces:
    """The faces of all sets, and who is for what."""

    run: TrainingRun
    """of 128 dimensions"""
    faces: Gathered
    parts: Parts

    @property
    def test_people(self) -> I64:
        """(T,)"""
        return self.faces.people[self.parts.test]

    @property
    def test_videos(self) -> I64:
        """(T,)"""
        rows = [self.faces.rows[row] for row in self.parts.test.tolist()]
        return video_numbers([row.person for row in rows], [row.group for row in rows])


@dataclass(frozen=True, slots=True, eq=False)
class TrunkFaces:
    """What the trunk makes of them."""

    parted: PartedFaces
    model: ModelDescription
    """whose trunk it is"""
    last_layer: Layer
    """its own"""
    features: F32
    """(N, 1792)"""

    @property
    def test_features(self) -> F32:
        """(T, 1792)"""
        return np.asarray(self.features[self.parted.parts.test])


def part_faces(context: Context, sets: Sequence[Path]) -> PartedFaces:
    """Find, cut and part the faces, as far as that was not done before.

    Raises SourceError, BadInputError, OutsideError and EngineError.
    """
    photo_sets = [open_photo_set(path) for path in sets]
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        cut = cut_sets(context, recognition, photo_sets, SIDE_PX, lambda: False)
    faces = gathered(cut)
    run = replace(
        new_run(context.config, HEAD, 128, sets),
        fingerprints=tuple(each.fingerprint for each in photo_sets),
        other_person=verification_distance(context.config, context.data),
    )
    return PartedFaces(run, faces, part(context, faces, run))


def through_trunk(context: Context, parted: PartedFaces) -> TrunkFaces:
    """Compute the features of all faces, as far as that was not done before. Raises EngineError, OutsideError."""
    model = trunk_model(context)
    source = fetch(model, ModelCache(context.models))[0]
    features = np.concatenate([trunk_features(context, each)[:, 0] for each in parted.faces.sets])
    return TrunkFaces(parted, model, last_layer(load_facenet(source)), features)
