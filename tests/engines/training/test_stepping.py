"""One step: what learns, by how much, and what leaves a network as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.errors import TrainingError
from engines.training.objective import Batch, TripletObjective
from engines.training.preparing import Prepared
from engines.training.settings import Device, Negatives, Optimizer, Precision, Settings
from engines.training.stepping import Stepper, device_for
from tests.engines.training.small import SmallNetwork, faces, weights

CPU = torch.device("cpu")
SOURCE = faces(6, 3)
ROWS = np.arange(18, dtype=np.int64)
READY = Prepared(Batch(ROWS, SOURCE.people), SOURCE.plain(ROWS))
OBJECTIVE = TripletObjective(0.2, Negatives.ALL)
SETTINGS = Settings(people=6, photos=3, negatives=Negatives.ALL)


def moved(settings: Settings, network: SmallNetwork | None = None) -> dict[str, float]:
    """How far each tensor went in one step."""
    network = network or SmallNetwork()
    before = weights(network)
    assert Stepper(network, OBJECTIVE, settings, CPU).take(1, READY) is not None
    return {name: float(np.abs(value - before[name]).max()) for name, value in weights(network).items()}


@pytest.mark.parametrize("optimizer", Optimizer)
def test_all_that_learns_moves_by_the_learning_rate(optimizer: Optimizer) -> None:
    far = moved(replace(SETTINGS, optimizer=optimizer, learning_rate=0.01))
    near = moved(replace(SETTINGS, optimizer=optimizer, learning_rate=0.01, warm_up=10))

    # The first step of both optimizers is the learning rate, by the gradient's sign.
    assert far["first.weight"] == pytest.approx(0.01, rel=0.01)
    assert near["first.weight"] == pytest.approx(0.001, rel=0.01)


def test_what_is_frozen_stays() -> None:
    network = SmallNetwork()
    network.first.requires_grad_(False)
    far = moved(SETTINGS, network)

    assert far["first.weight"] == far["first.bias"] == 0.0
    assert far["last.weight"] > 0.0


def test_weight_decay_pulls_matrices_alone() -> None:
    heavy = replace(SETTINGS, optimizer=Optimizer.ADAM, learning_rate=1e-3, weight_decay=100.0)
    plain = replace(heavy, weight_decay=0.0)

    with_decay, without = moved(heavy), moved(plain)

    assert with_decay["first.weight"] > 5 * without["first.weight"]
    for name in ("first.bias", "norm.weight", "norm.bias"):
        assert with_decay[name] == without[name]


def test_gradients_are_clipped() -> None:
    network = SmallNetwork()
    stepper = Stepper(network, OBJECTIVE, replace(SETTINGS, max_gradient_norm=1e-3), CPU)
    stepper.take(1, READY)

    norm = torch.stack([each.grad.norm() for each in network.parameters() if each.grad is not None]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_a_batch_that_costs_nothing_moves_nothing() -> None:
    lone = Prepared(Batch(ROWS[:2], np.array([0, 1])), SOURCE.plain(ROWS[:2]))
    network = SmallNetwork()
    before = weights(network)
    measured = Stepper(network, OBJECTIVE, replace(SETTINGS, weight_decay=1.0), CPU).take(1, lone)

    assert measured is not None
    assert (float(measured.loss.detach()), measured.pairs, measured.active_share) == (0.0, 0, 0.0)
    assert all(
        np.array_equal(value.numpy(), before[name])
        for name, value in network.state_dict().items()
        if name in dict(network.named_parameters())
    )


def test_no_number_in_the_input_takes_no_step() -> None:
    network = SmallNetwork()
    before = weights(network)
    inputs = READY.inputs.clone()
    inputs[3, 3] = torch.nan

    assert Stepper(network, OBJECTIVE, SETTINGS, CPU).take(1, replace(READY, inputs=inputs)) is None
    assert np.array_equal(weights(network)["first.weight"], before["first.weight"])


def test_chance_is_the_steps_own() -> None:
    def dropped(step: int) -> float:
        network = SmallNetwork(dropout=0.5)
        measured = Stepper(network, OBJECTIVE, SETTINGS, CPU).take(step, READY)
        assert measured is not None
        return float(measured.loss.detach())

    assert dropped(1) == dropped(1)
    assert dropped(1) != dropped(2)


def test_devices_and_precisions_that_do_not_fit_are_refused() -> None:
    assert device_for(Device.CPU) == CPU
    assert device_for(Device.AUTO).type in ("cpu", "cuda")
    with pytest.raises(TrainingError, match="float16 needs a GPU"):
        Stepper(SmallNetwork(), OBJECTIVE, replace(SETTINGS, precision=Precision.FLOAT16), CPU)
