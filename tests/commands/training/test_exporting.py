"""A run's best weights as a model."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from engines.errors import CatalogueError, TrainingError
from engines.zoo.catalogue import read_catalogue
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.commands.training.exporting import export_run
from pipeline.commands.training.run_file import TrainingRun
from pipeline.commands.training.running import run_training
from pipeline.errors import BadInputError
from tests.commands.training.painted_training import Trainer


@pytest.fixture
def trained(trainer: Trainer, capsys: pytest.CaptureFixture[str]) -> Trainer:
    run_training(trainer.context(), trainer.asked(), lambda: trainer.recognition, lambda: False)
    capsys.readouterr()
    return trainer


def test_an_exported_run_is_a_model_whose_terms_say_what_it_is(
    trained: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    export_run(trained.context(), "tiny", "mine")
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["model"], told["dimension"], told["calibrated"]) == ("tiny", "mine", 16, False)
    found = read_catalogue(CATALOGUE_FILE, trained.context().models).model("mine")
    assert (found.model_id, found.terms) == (told["model_id"], told["terms"])
    assert "trained on people, all but the 50 %" in found.terms
    assert "--network tiny --dimension 16 --set training.validation=0.3 --set training.seed=0;" in found.terms
    assert "other people accuracy" in found.terms
    assert str(trained.folder) not in found.terms
    with pytest.raises(CatalogueError, match="mine is there already"):
        export_run(trained.context(), "tiny", "mine")
    export_run(trained.context(as_json=False), "tiny", "mine", force=True)
    printed = capsys.readouterr().out
    assert "--set embedding.model=mine" in printed
    assert "calibrate --strangers PEOPLE" in printed


def test_another_share_for_the_test_is_said(trainer: Trainer, capsys: pytest.CaptureFixture[str]) -> None:
    run_training(trainer.context(), trainer.asked(test=0.4), lambda: trainer.recognition, lambda: False)
    capsys.readouterr()
    export_run(trainer.context(), "tiny", "mine")
    assert " --test 0.4 " in json.loads(capsys.readouterr().out)["terms"]


def test_a_run_that_was_not_measured_is_measured_now(
    trained: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((trained.run_folder() / "result.json").read_text("utf-8"))["held_out"]["trained"]
    (trained.run_folder() / "result.json").unlink()
    export_run(trained.context(), "tiny", "mine")
    told = json.loads(capsys.readouterr().out)
    assert f"accuracy {100 * before['accuracy']:.2f} %" in told["terms"]


def test_figures_of_other_weights_than_the_best_are_not_told(
    trained: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = trained.run_folder() / "result.json"
    found = json.loads(path.read_text("utf-8"))
    found["held_out"]["trained"]["accuracy"] = 0.1234
    path.write_text(json.dumps(found | {"best_step": found["best_step"] - 1}), "utf-8")
    export_run(trained.context(), "tiny", "mine")
    assert "12.34 %" not in json.loads(capsys.readouterr().out)["terms"]


def test_without_the_cut_faces_it_is_exported_unmeasured(
    trained: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained.run_folder() / "result.json").unlink()
    shutil.rmtree(trained.data / "training" / "faces")
    export_run(trained.context(), "tiny", "mine")
    printed = capsys.readouterr()
    assert "not measured on other people" in json.loads(printed.out)["terms"]
    assert "--resume cuts them again" in printed.err


def test_a_run_that_is_not_there_or_has_learnt_nothing(trained: Trainer, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is no training run; there is: tiny"):
        export_run(trained.context(), "other", "mine")
    (trained.run_folder() / "best.safetensors").unlink()
    with pytest.raises(TrainingError):
        export_run(trained.context(), "tiny", "mine")


def test_a_path_that_is_no_text_is_gone_on_with(trainer: Trainer) -> None:
    odd = trainer.photos.with_name(os.fsdecode(b"people\xff"))
    trainer.photos.rename(odd)
    asked = trainer.asked(sets=(str(odd),))
    run_training(trainer.context(), asked, lambda: trainer.recognition, lambda: False)
    assert TrainingRun.read(trainer.run_folder()).photos == (odd,)
    export_run(trainer.context(), "tiny", "mine")
    terms = read_catalogue(CATALOGUE_FILE, trainer.context().models).model("mine").terms
    assert r"trained on people\xff, all but" in terms


@pytest.mark.parametrize("text", ['{"network": 3}', "[]", "", "[" * 100_000])
def test_a_damaged_run_is_one_line(trained: Trainer, text: str) -> None:
    (trained.run_folder() / "run.json").write_text(text, "utf-8")
    with pytest.raises(BadInputError, match=r"run\.json: is damaged; start again with another --run"):
        export_run(trained.context(), "tiny", "mine")
