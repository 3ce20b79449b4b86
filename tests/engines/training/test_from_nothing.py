"""Weights of chance learn to tell people apart whom they never saw, from network to checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from engines.evaluation.held_out import HeldOut, held_out
from engines.networks.family import member
from engines.training.loop import train
from engines.training.settings import Device, Optimizer, Settings
from engines.training.synthetic import SyntheticFaces, synthetic_faces
from engines.training.validation import validate_on, vectors_of

SETTINGS = Settings(
    steps=240,
    people=30,
    photos=4,
    optimizer=Optimizer.ADAM,
    learning_rate=0.002,
    decay_at=(160,),
    validate_every=60,
    device=Device.CPU,
    threads=1,
)


def told_apart(network: nn.Module, faces: SyntheticFaces) -> HeldOut:
    source = faces.source()
    return held_out(vectors_of(network, source), source.people)


def test_a_tiny_network_learns_who_is_who(tmp_path: Path) -> None:
    learned, chosen_by = synthetic_faces(500, 6), synthetic_faces(50, 6, first=1000)
    strangers = synthetic_faces(120, 6, first=2000)
    torch.manual_seed(0)
    network = member("tiny").make(64)
    before = told_apart(network, strangers)

    outcome = train(
        network, learned.source(), SETTINGS, tmp_path / "run", validate=validate_on(chosen_by.source())
    )

    after = told_apart(network, strangers)
    assert outcome.step == 240
    assert outcome.best is not None
    assert before.accuracy.mean < 0.7
    assert after.accuracy.mean > 0.95
    assert after.auc > 0.99
