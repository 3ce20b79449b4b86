"""A new network's vectors among those of an old one: who is whose positive, what is refused, and FaceNet's order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.arrays import F32, I64
from engines.errors import TrainingError
from engines.evaluation.held_out import held_out
from engines.training import validation
from engines.training.harmonic import (
    HarmonicObjective,
    Paired,
    draw_last_layer,
    mixed_pairs,
    train_harmonic,
    validate_harmonic,
)
from engines.training.head_network import HeadNetwork
from engines.training.loop import train
from engines.training.objective import Batch
from engines.training.settings import Device, Negatives, Optimizer, Settings
from engines.training.sources import FeatureSource
from engines.training.validation import vectors_of

DIMENSION, TRAITS = 16, 24
SETTINGS = Settings(
    steps=120,
    people=20,
    photos=4,
    optimizer=Optimizer.ADAM,
    learning_rate=0.01,
    validate_every=60,
    device=Device.CPU,
    threads=1,
)


def unit(vectors: F32) -> F32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TwoTrunks:
    """Made-up people whom an old trunk sees worse than a new one."""

    old: F32
    """(N, 48): few of the traits, and much else"""
    new: F32
    """(N, 96)"""
    people: I64
    learning: I64
    """rows"""
    choosing: I64
    judged: I64

    def source(self, features: F32, rows: I64 | None = None) -> FeatureSource:
        return FeatureSource(features, self.people, rows)


@pytest.fixture(scope="module")
def faces() -> TwoTrunks:
    random = np.random.default_rng(5)
    people = np.repeat(np.arange(160), 5)
    traits = random.normal(size=(160, TRAITS))[people]

    def seen(noise: float, width: int) -> F32:
        view = traits + noise * random.normal(size=traits.shape)
        mixed = view @ random.normal(size=(TRAITS, width)) / np.sqrt(TRAITS)
        return np.asarray(mixed + 0.3 * random.normal(size=mixed.shape), np.float32)

    learning, choosing, judged = (
        np.flatnonzero((people >= a) & (people < b)) for a, b in ((0, 80), (80, 100), (100, 160))
    )
    return TwoTrunks(seen(0.75, 48), seen(0.35, 96), people, learning, choosing, judged)


def head(features: F32, seed: int = 0) -> HeadNetwork:
    torch.manual_seed(seed)
    return HeadNetwork(features.shape[1], DIMENSION)


def test_new_anchors_have_positives_and_negatives_of_both_models() -> None:
    pairs = mixed_pairs(torch.tensor([7, 7, 9]))
    new_same, old_same = pairs.same[:, :3], pairs.same[:, 3:]
    assert new_same.tolist() == [[False, True, False], [True, False, False], [False, False, False]]
    assert old_same.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert pairs.other.tolist() == [
        [False, False, True] * 2,
        [False, False, True] * 2,
        [True, True, False] * 2,
    ]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_everybody_but_the_face_itself_is_the_same_or_another(people: list[int]) -> None:
    pairs = mixed_pairs(torch.tensor(people))
    count = len(people)
    assert not (pairs.same & pairs.other).any()
    assert int((pairs.same | pairs.other).sum()) == 2 * count * count - count


def test_old_vectors_are_constants_and_pull_the_new_ones_to_them() -> None:
    old = np.eye(4, dtype=np.float32)
    weights = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    objective = HarmonicObjective(old, 0.2, Negatives.HARDEST)
    optimizer = torch.optim.SGD([weights], lr=0.5)
    batch = Batch(
        np.arange(4), np.arange(4)
    )  # four people with a photo each: the positives are old vectors alone
    for _ in range(200):
        vectors = torch.nn.functional.normalize(weights, dim=1)
        cost = objective(vectors, batch, torch.Generator().manual_seed(1))
        assert cost.pairs == 4
        optimizer.zero_grad()
        cost.loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert cost.active == 0
    found = torch.nn.functional.normalize(weights, dim=1).detach().numpy()
    assert (found @ old.T).argmax(axis=1).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(old, np.eye(4, dtype=np.float32))


def test_rows_of_the_source_choose_the_old_vectors() -> None:
    old = unit(np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32))
    objective = HarmonicObjective(old, 0.2, Negatives.ALL)
    vectors = torch.from_numpy(old[[4, 1]])
    cost = objective(vectors, Batch(np.array([4, 1]), np.array([0, 1])), torch.Generator())
    assert cost.positive_distance == pytest.approx(0.0, abs=1e-6)


def test_the_papers_order_new_among_new_then_new_in_old_then_old(faces: TwoTrunks, tmp_path: Path) -> None:
    v1_head = head(faces.old)
    train(v1_head, faces.source(faces.old, faces.learning), SETTINGS, tmp_path / "v1")
    v1 = vectors_of(v1_head, faces.source(faces.old))
    network = head(faces.new)
    train(network, faces.source(faces.new, faces.learning), SETTINGS, tmp_path / "alone")
    alone = vectors_of(network, faces.source(faces.new))
    draw_last_layer(network, seed=1)
    learning, choosing = (
        Paired(faces.source(faces.new, rows), v1[rows]) for rows in (faces.learning, faces.choosing)
    )
    outcome = train_harmonic(network, learning, choosing, SETTINGS, tmp_path / "v2")
    v2 = vectors_of(network, faces.source(faces.new))
    assert outcome.best is not None
    assert outcome.best == validate_harmonic(choosing)(network)

    def accuracy(probes: F32, gallery: F32) -> float:
        rows = faces.judged
        return held_out(gallery[rows], faces.people[rows], probes[rows]).accuracy.mean

    old_old, new_old, new_new = accuracy(v1, v1), accuracy(v2, v1), accuracy(v2, v2)
    assert new_new > new_old > old_old
    assert (
        abs(accuracy(alone, v1) - 0.5) < 0.1
    )  # a network that learnt alone is no better than chance among v1
    assert new_new > accuracy(alone, alone) - 0.03


def test_of_many_faces_whole_people_are_validated(faces: TwoTrunks, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs of new and old vectors are compared: of a million faces they would not fit."""
    source, asked = faces.source(faces.new), []
    old = unit(np.random.default_rng(0).normal(size=(len(source.people), DIMENSION)).astype(np.float32))
    monkeypatch.setattr(validation, "MAX_FACES", 12)
    network = head(faces.new)
    network.register_forward_hook(lambda _, __, vectors: asked.append(len(vectors)))

    validate_harmonic(Paired(source, old))(network)

    assert 2 < sum(asked) <= 12 < len(source.people)


def test_a_run_does_not_go_on_beside_another_old_model(faces: TwoTrunks, tmp_path: Path) -> None:
    source = faces.source(faces.new, faces.learning)
    random = np.random.default_rng(0)
    first, second = (
        unit(random.normal(size=(len(faces.learning), DIMENSION)).astype(np.float32)) for _ in range(2)
    )
    few = replace(SETTINGS, steps=3)
    train_harmonic(head(faces.new), Paired(source, first), None, few, tmp_path)
    with pytest.raises(TrainingError, match=str(tmp_path)):
        train_harmonic(head(faces.new), Paired(source, second), None, replace(few, steps=6), tmp_path)


def test_old_vectors_that_do_not_fit_are_refused_in_a_line(faces: TwoTrunks, tmp_path: Path) -> None:
    source = faces.source(faces.new, faces.learning)
    good = unit(np.ones((len(faces.learning), DIMENSION), np.float32))
    with pytest.raises(TrainingError, match=r"must be float32 \(400, D\), one for each face"):
        Paired(source, good[1:])
    zero = good.copy()
    zero[3] = 0.0
    with pytest.raises(TrainingError, match="that of face 3 has 0"):
        Paired(source, zero)
    wide = Paired(source, unit(np.ones((len(faces.learning), 20), np.float32)))
    with pytest.raises(TrainingError, match="vectors of 16 numbers and the old model of 20"):
        train_harmonic(head(faces.new), wide, None, SETTINGS, tmp_path)
    assert not (tmp_path / "settings.json").exists()


def test_the_last_layer_alone_is_drawn_anew_and_chance_goes_on_as_before() -> None:
    first_layer, last_layer = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
    network = torch.nn.Sequential(first_layer, torch.nn.ReLU(), last_layer)
    first, last = first_layer.weight.clone(), last_layer.weight.clone()
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    draw_last_layer(network, seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first_layer.weight, first)
    assert not torch.equal(last_layer.weight, last)
    drawn = last_layer.weight.clone()
    draw_last_layer(network, seed=3)
    assert torch.equal(last_layer.weight, drawn)
    with pytest.raises(TrainingError, match="no linear layer"):
        draw_last_layer(torch.nn.ReLU(), seed=3)
