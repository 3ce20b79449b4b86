"""Runs from end to end: they learn, end for every reason there is, and go on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from torch import Tensor, nn

from engines.arrays import I64
from engines.backends.cuda.gpus import Gpu
from engines.errors import TrainingError
from engines.training.checkpoint import BEST, LAST, STATE, load_best, read_settings
from engines.training.course import CURVE, PICTURE, StepReport
from engines.training.curves import read_curve
from engines.training.ending import Ended
from engines.training.loop import LOCK, train
from engines.training.objective import Batch, Measured, TripletObjective
from engines.training.settings import BestBy, Negatives, Optimizer, Precision, Settings
from engines.training.validation import Validation, validate_on
from tests.engines.training.small import QUICK, SmallNetwork, faces, weights

SOURCE = faces(30, 6)
HELD_OUT = faces(20, 4, seed=1)


class Figures:
    """A validation that gives these figures one after the other, and then the last of them."""

    def __init__(self, *figures: float) -> None:
        self._left = list(figures)

    def __call__(self, network: nn.Module) -> Validation:
        assert not network.training
        figure = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        return Validation(accuracy=figure, val=1.0 - figure, auc=0.5)


class Falling:
    """The triplet loss until a step, and from then on no number."""

    def __init__(self, last: int) -> None:
        self._left = last
        self._plain = TripletObjective(0.2, Negatives.SEMI_HARD)

    def __call__(self, vectors: Tensor, batch: Batch, random: torch.Generator) -> Measured:
        self._left -= 1
        found = self._plain(vectors, batch, random)
        return found if self._left >= 0 else replace(found, loss=found.loss * torch.nan)


def after(steps: int) -> Callable[[], bool]:
    """A stop that is asked for after so many steps."""
    asked = iter(range(1, 1_000_000))
    return lambda: next(asked) >= steps


def test_a_network_learns_people_it_never_saw_and_is_left_at_its_best(tmp_path: Path) -> None:
    network, reports = SmallNetwork(), list[StepReport]()
    validate = validate_on(HELD_OUT)
    before = validate(network)

    outcome = train(network, SOURCE, QUICK, tmp_path, validate=validate, on_step=reports.append)

    assert outcome.ended is Ended.STEPS
    assert outcome.best is not None
    assert outcome.best.accuracy > before.accuracy + 0.1
    assert [each.point.step for each in reports] == list(range(1, 41))
    assert [each.point.step for each in reports if each.validation] == [20, 40]
    assert reports[-1].point.loss < reports[0].point.loss
    assert validate(network) == outcome.best
    other = SmallNetwork(seed=5)
    assert load_best(other, tmp_path).validation == outcome.best
    assert all(np.array_equal(weights(other)[name], value) for name, value in weights(network).items())
    assert read_settings(tmp_path) == QUICK
    assert {entry.name for entry in tmp_path.iterdir()} == {
        *(LAST, BEST, STATE, CURVE, PICTURE, LOCK, "settings.json")
    }


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("cut", [30, 17])
def test_a_run_that_goes_on_is_the_run_that_never_stopped(
    optimizer: Optimizer, cut: int, tmp_path: Path
) -> None:
    settings = replace(
        QUICK,
        steps=60,
        optimizer=optimizer,
        learning_rate=0.01,
        decay_at=(40,),
        max_gradient_norm=1.0,
        others=3,
    )
    for name, parts in (("whole", [60]), ("parts", [cut, 60])):
        for steps in parts:
            # Each part begins with other weights and another generator, as another process does.
            torch.manual_seed(steps)
            network = SmallNetwork(seed=0 if steps == parts[0] else 9, dropout=0.3)
            asked = replace(settings, steps=steps)
            train(network, SOURCE, asked, tmp_path / name, validate=validate_on(HELD_OUT))

    whole, parts_ = (load_file(tmp_path / name / LAST) for name in ("whole", "parts"))
    assert whole.keys() == parts_.keys()
    assert [name for name in whole if not torch.equal(whole[name], parts_[name])] == []
    curves = [read_curve(tmp_path / name / CURVE) for name in ("whole", "parts")]
    assert [point.step for point in curves[1]] == list(range(1, 61))
    plain = [[replace(point, seconds=0.0) for point in curve if point.step != cut] for curve in curves]
    assert plain[0] == plain[1]


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    def killed(report: StepReport) -> None:
        if report.point.step == 33:
            raise KeyboardInterrupt

    train(SmallNetwork(), SOURCE, QUICK, tmp_path / "whole", validate=validate_on(HELD_OUT))
    with pytest.raises(KeyboardInterrupt):
        train(
            SmallNetwork(), SOURCE, QUICK, tmp_path / "killed", validate=validate_on(HELD_OUT), on_step=killed
        )
    outcome = train(SmallNetwork(3), SOURCE, QUICK, tmp_path / "killed", validate=validate_on(HELD_OUT))

    assert outcome.step == 40
    whole, killed_ = (load_file(tmp_path / name / LAST) for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed_[name]) for name in whole)
    assert [point.step for point in read_curve(tmp_path / "killed" / CURVE)] == list(range(1, 41))


def test_threads_change_nothing(tmp_path: Path) -> None:
    found = []
    for threads in (1, 4):
        network = SmallNetwork()
        train(network, SOURCE, replace(QUICK, threads=threads), tmp_path / str(threads))
        found.append(weights(network))
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


def test_torchs_own_chance_and_switches_are_put_back(tmp_path: Path) -> None:
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)

    train(SmallNetwork(dropout=0.5), SOURCE, replace(QUICK, steps=2), tmp_path)

    assert torch.equal(torch.rand(3), wanted)
    assert not torch.are_deterministic_algorithms_enabled()


def test_it_ends_when_validations_are_no_better(tmp_path: Path) -> None:
    settings = replace(QUICK, validate_every=5, patience=2)

    outcome = train(
        SmallNetwork(), SOURCE, settings, tmp_path, validate=Figures(0.6, 0.5, 0.7, 0.7, float("nan"), 0.9)
    )

    assert (outcome.ended, outcome.step, outcome.best_step) == (Ended.PATIENCE, 25, 15)
    assert outcome.why == "2 validations in a row were no better than step 15"
    assert outcome.best == Validation(0.7, 1.0 - 0.7, 0.5)


def test_the_best_is_by_the_figure_that_was_asked_for(tmp_path: Path) -> None:
    settings = replace(QUICK, validate_every=10, best_by=BestBy.VAL)

    outcome = train(SmallNetwork(), SOURCE, settings, tmp_path, validate=Figures(0.6, 0.5, 0.7, 0.8))

    assert outcome.best_step == 20


def test_it_ends_when_its_minutes_are_over(tmp_path: Path) -> None:
    seconds = iter(range(1_000))
    settings = replace(QUICK, minutes=0.5)

    outcome = train(SmallNetwork(), SOURCE, settings, tmp_path, clock=lambda: float(next(seconds)))

    assert outcome.ended is Ended.MINUTES
    assert 25 <= outcome.seconds <= 35
    assert outcome.step < 40


def test_stop_leaves_a_good_best_and_the_same_call_goes_on(tmp_path: Path) -> None:
    outcome = train(
        SmallNetwork(), SOURCE, QUICK, tmp_path, validate=validate_on(HELD_OUT), stop=after(steps=7)
    )

    assert (outcome.ended, outcome.step, outcome.best_step) == (Ended.STOPPED, 7, 7)
    assert outcome.best is not None
    assert json.loads((tmp_path / STATE).read_text())["why"] == outcome.why
    assert outcome.why == "stopped after step 7; the same call goes on from there"
    again = train(SmallNetwork(3), SOURCE, QUICK, tmp_path, validate=validate_on(HELD_OUT))
    assert (again.ended, again.step) == (Ended.STEPS, 40)
    assert again.seconds > outcome.seconds


def test_a_run_that_is_done_takes_no_more_steps(tmp_path: Path) -> None:
    first, second = SmallNetwork(), SmallNetwork(seed=4)
    done = train(first, SOURCE, QUICK, tmp_path)
    reports: list[StepReport] = []

    again = train(second, SOURCE, QUICK, tmp_path, on_step=reports.append)

    assert reports == []
    assert (again.ended, again.step, again.best_step) == (done.ended, 40, 40)
    assert all(np.array_equal(weights(first)[name], value) for name, value in weights(second).items())


@pytest.mark.parametrize("good_steps", [0, 25])
def test_no_number_ends_the_run_and_the_best_stays(good_steps: int, tmp_path: Path) -> None:
    network = SmallNetwork()
    outcome = train(
        network, SOURCE, QUICK, tmp_path, validate=validate_on(HELD_OUT), objective=Falling(good_steps)
    )

    assert outcome.ended is Ended.DIVERGED
    assert f"of step {good_steps + 1} is no number" in outcome.why
    assert outcome.best_step == (20 if good_steps else 0)
    assert all(np.isfinite(value).all() for value in weights(network).values())
    assert (tmp_path / LAST).exists() is bool(good_steps)


def test_bfloat16_learns_too(tmp_path: Path) -> None:
    settings = replace(QUICK, precision=Precision.BFLOAT16)
    before = validate_on(HELD_OUT)(SmallNetwork())

    outcome = train(SmallNetwork(), SOURCE, settings, tmp_path, validate=validate_on(HELD_OUT))

    assert outcome.best is not None
    assert outcome.best.accuracy > before.accuracy + 0.06  # 0.09 to 0.1, as the processor rounds


def test_vectors_off_the_sphere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"must give unit vectors \(B, D\), got \(30, 16\) of length"):
        train(nn.Linear(32, 16), SOURCE, QUICK, tmp_path)


def test_a_network_in_which_nothing_learns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no parameter of the network learns"):
        train(SmallNetwork().requires_grad_(False), SOURCE, QUICK, tmp_path)


def test_one_run_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with FileLock(tmp_path / LOCK), pytest.raises(TrainingError, match="another run is training in"):
        train(SmallNetwork(), SOURCE, QUICK, tmp_path)


def test_an_error_of_a_source_reaches_the_caller(tmp_path: Path) -> None:
    class Gone:
        people = SOURCE.people
        fingerprint = "gone"

        def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
            raise OSError("the disk is gone")

        def plain(self, rows: I64) -> Tensor:
            return SOURCE.plain(rows)

    with pytest.raises(OSError, match="the disk is gone"):
        train(SmallNetwork(), Gone(), replace(QUICK, threads=3), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said() -> None:
    settings = Settings.from_json(Settings().to_json().replace('"auto"', '"cuda"'))
    with pytest.raises(TrainingError, match="torch sees no GPU here"):
        train(SmallNetwork(), SOURCE, settings, Path("nowhere"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", Precision)
def test_a_gpu_learns_in_every_precision(precision: Precision, tmp_path: Path, gpu: Gpu) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch has no CUDA here")
    outcome = train(
        SmallNetwork(),
        SOURCE,
        replace(QUICK, precision=precision),
        tmp_path,
        validate=validate_on(HELD_OUT),
    )

    assert outcome.device == "cuda"
    assert outcome.best is not None
    assert outcome.best.accuracy > validate_on(HELD_OUT)(SmallNetwork()).accuracy + 0.1
