"""Heads on a frozen trunk, learnt in process: the trunk's features are written beforehand, so that none is opened."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from engines.networks.head import FEATURES
from engines.training.faces_file import read_faces
from pipeline.commands.training.cutting import InterruptedCutError
from pipeline.commands.training.learners import HEAD_SIDE_PX
from pipeline.commands.training.run_file import HEAD
from pipeline.commands.training.running import run_training
from pipeline.commands.training.trunk_features import VIEWS, trunk_model
from tests.commands.training.painted_training import DIMENSION, PEOPLE, PHOTOS, Trainer

OLDER = "facenet-20180408"


def run(trainer: Trainer, resumed: bool = False, stop: Callable[[], bool] = lambda: False) -> int:
    """A head that is to be comparable with what embedded the photos."""
    asked = (
        trainer.resumed(HEAD)
        if resumed
        else trainer.asked(HEAD, steps=40, network=HEAD, dimension=DIMENSION, compatible_with=OLDER)
    )
    context = trainer.context(validate_every=20, people=8, learning_rate=0.003)
    return run_training(context, asked, lambda: trainer.recognition, stop)


def write_features(trainer: Trainer, rows: int = PEOPLE * PHOTOS) -> None:
    """What a trunk would say: the embedder's vectors behind a matrix of chance, in two alike views."""
    (folder,) = (trainer.data / "training" / "faces").iterdir()
    vectors = read_faces(folder, HEAD_SIDE_PX, DIMENSION).vectors
    spread = np.random.default_rng(0).standard_normal((DIMENSION, FEATURES), np.float32)
    features = np.repeat((vectors @ spread)[:rows, None], VIEWS, axis=1)
    name = f"features-{trunk_model(trainer.context()).files[0].sha256[:12]}.f32"
    (folder / name).write_bytes(features.astype(np.float32).tobytes())


def test_a_head_ended_among_the_features_goes_on_and_learns_into_an_older_models_space(
    trainer: Trainer,
) -> None:
    with pytest.raises(InterruptedCutError, match="0 of 96 features"):
        run(trainer, stop=lambda: bool(list((trainer.data / "training").glob("head/*"))))
    write_features(trainer)
    assert run(trainer, resumed=True) == 0
    found = json.loads((trainer.run_folder(HEAD) / "result.json").read_text("utf-8"))
    assert found["steps"] == 40
    assert set(found["held_out"]) == {"trained", OLDER, "among_older"}
    assert found["held_out"]["among_older"]["auc"] > 0.8  # 11 people to learn from; by chance 0.5
