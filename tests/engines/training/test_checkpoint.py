"""Checkpoints: whole or not there, and one line for each that does not fit."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engines.errors import TrainingError, TrainingWriteError
from engines.training.checkpoint import (
    BEST,
    LAST,
    SETTINGS,
    Identity,
    RunState,
    load_best,
    read_last,
    read_settings,
    write_best,
    write_last,
    write_settings,
)
from engines.training.settings import Optimizer, Settings
from engines.training.validation import Validation
from tests.engines.training.small import SmallNetwork

IDENTITY = Identity(Settings(), "5 faces of 3 people, 12345678")
STATE = RunState(30, 1.0 / 3.0, Validation(0.9, 0.8, 0.95), 20, worse=1, at_one_point=2)


class Learner:
    """A network and its optimizer after some steps of `kind`."""

    def __init__(self, seed: int = 0, kind: Optimizer = Optimizer.ADAM, steps: int = 2, dimension: int = 16):
        self.network = SmallNetwork(seed, dimension)
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.AdamW(self.network.parameters())
            if kind is Optimizer.ADAM
            else torch.optim.Adagrad(self.network.parameters())
        )
        self.scaler = torch.amp.GradScaler("cpu", enabled=False)
        random = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            self.optimizer.zero_grad()
            torch.autograd.backward(self.network(torch.randn(9, 32, generator=random)).sum())
            self.optimizer.step()

    def write(self, folder: Path, state: RunState = STATE) -> None:
        write_last(folder, IDENTITY, state, self.network, self.optimizer, self.scaler)

    def read(self, folder: Path, identity: Identity = IDENTITY) -> RunState | None:
        return read_last(folder, identity, self.network, self.optimizer, self.scaler)


@contextmanager
def full_disk(bytes_left: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: writes fail as they do on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def equal(first: nn.Module, second: nn.Module) -> bool:
    there = second.state_dict()
    return all(torch.equal(value, there[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("kind", Optimizer)
def test_everything_comes_back(kind: Optimizer, tmp_path: Path) -> None:
    written, other = Learner(0, kind), Learner(1, kind, steps=0)
    written.write(tmp_path)

    assert other.read(tmp_path) == STATE
    assert equal(written.network, other.network)
    wanted, found = (each.optimizer.state_dict()["state"] for each in (written, other))
    assert wanted.keys() == found.keys()
    for number, values in wanted.items():
        assert all(torch.equal(value, found[number][name]) for name, value in values.items())


def test_a_folder_without_a_run_is_new(tmp_path: Path) -> None:
    assert Learner().read(tmp_path) is None
    with pytest.raises(TrainingError, match=r"holds no trained weights \(no best.safetensors\)"):
        load_best(SmallNetwork(), tmp_path)
    with pytest.raises(TrainingError, match="holds no training run"):
        read_settings(tmp_path)


def test_the_best_and_the_settings_come_back(tmp_path: Path) -> None:
    written, other = Learner(0), SmallNetwork(1)
    write_best(tmp_path, IDENTITY, STATE, written.network)
    write_settings(tmp_path, IDENTITY.settings)

    best = load_best(other, tmp_path)

    assert (best.step, best.validation, best.settings) == (20, STATE.best, IDENTITY.settings)
    assert equal(written.network, other)
    assert read_settings(tmp_path) == IDENTITY.settings


def test_other_settings_data_or_networks_are_refused_in_one_line(tmp_path: Path) -> None:
    Learner().write(tmp_path)
    settings = replace(IDENTITY.settings, margin=0.3, seed=4)

    with pytest.raises(TrainingError, match=r"other settings \(margin 0.2, here 0.3, seed 0, here 4\)"):
        Learner().read(tmp_path, replace(IDENTITY, settings=settings))
    with pytest.raises(TrainingError, match=r"other data \(5 faces of 3 people, 12345678; here 6 faces\)"):
        Learner().read(tmp_path, replace(IDENTITY, data="6 faces"))
    with pytest.raises(TrainingError, match=r"last.bias is \(16,\), here \(8,\)"):
        Learner(dimension=8).read(tmp_path)
    frozen = Learner()
    frozen.network.first.requires_grad_(False)
    with pytest.raises(TrainingError, match="other parts of the network learn"):
        frozen.read(tmp_path)


def test_a_longer_run_is_the_same_run(tmp_path: Path) -> None:
    Learner().write(tmp_path)
    longer = replace(IDENTITY.settings, steps=9999, minutes=5.0, patience=7, threads=8)

    assert Learner().read(tmp_path, replace(IDENTITY, settings=longer)) == STATE


@pytest.mark.parametrize("at", [0, 3, 40, 400, -40_000, -5_000, -1])
def test_a_changed_byte_anywhere_is_one_line(at: int, tmp_path: Path) -> None:
    Learner().write(tmp_path)
    data = bytearray((tmp_path / LAST).read_bytes())
    data[at] ^= 0x15
    (tmp_path / LAST).write_bytes(data)

    learner, before = Learner(7), Learner(7)
    with pytest.raises(TrainingError) as raised:
        learner.read(tmp_path)
    assert "\n" not in str(raised.value)
    assert equal(learner.network, before.network)


@pytest.mark.parametrize("left", [0, 7, 100, 20_000])
def test_a_cut_file_is_damaged(left: int, tmp_path: Path) -> None:
    Learner().write(tmp_path)
    (tmp_path / LAST).write_bytes((tmp_path / LAST).read_bytes()[:left])

    with pytest.raises(TrainingError, match=r"last.safetensors is damaged \(.*\); remove it and train anew"):
        Learner().read(tmp_path)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    save_file({"network.first.weight": torch.zeros(3)}, tmp_path / BEST)
    with pytest.raises(TrainingError, match="is not a file of a training run"):
        load_best(SmallNetwork(), tmp_path)
    header = json.dumps({"format": 2, "checksum": 0})
    save_file({"network.first.weight": torch.zeros(3)}, tmp_path / BEST, metadata={"facestream": header})
    with pytest.raises(TrainingError, match="is of format 2, this program reads 1"):
        load_best(SmallNetwork(), tmp_path)
    (tmp_path / SETTINGS).write_bytes(b"\xff")
    with pytest.raises(TrainingError, match="holds no training run"):
        read_settings(tmp_path)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    Learner(0).write(tmp_path)
    before = load_file(tmp_path / LAST)

    with (
        full_disk(10_000),
        pytest.raises(TrainingWriteError, match="cannot be written: File too large") as raised,
    ):
        Learner(1).write(tmp_path)

    assert raised.value.exit_code == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [LAST]
    after = load_file(tmp_path / LAST)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingWriteError, match="cannot be written: No such file"):
        Learner().write(tmp_path / "gone")


def test_nothing_is_pickled(tmp_path: Path) -> None:
    Learner().write(tmp_path)
    data = (tmp_path / LAST).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["__metadata__"].keys() == {"facestream"}
    assert b"torch" not in data
