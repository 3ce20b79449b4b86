"""A run from photos to figures, on painted people."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from engines.errors import TrainingError
from pipeline.commands.training.cutting import BATCH, InterruptedCutError
from pipeline.commands.training.running import Asked, run_training
from pipeline.errors import BadInputError
from pipeline.gallery.painted import PaintedFace
from tests.commands.training.painted_training import (
    BOX,
    PEOPLE,
    PHOTOS,
    Trainer,
    name_of,
    of_part,
    person,
    write_photo,
)


def never() -> bool:
    return False


def after(count: int) -> Callable[[], bool]:
    """Says yes from the given call on."""
    calls = iter(range(count))
    return lambda: next(calls, None) is None


def run(trainer: Trainer, asked: Asked, stop: Callable[[], bool] = never, **keys: Any) -> int:
    trainer.detector.seen = 0
    return run_training(trainer.context(**keys), asked, lambda: trainer.recognition, stop)


def result(trainer: Trainer, name: str = "tiny") -> dict[str, Any]:
    value = json.loads((trainer.run_folder(name) / "result.json").read_text("utf-8"))
    assert isinstance(value, dict)
    return value


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_ends_with_figures_and_everything_in_its_folder(
    trainer: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(trainer, trainer.asked()) == 0
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    found = json.loads(line)
    assert found == result(trainer)
    assert (found["steps"], found["ended"], found["left_out"], found["taken_out"]) == (4, "steps", 0, [])
    assert found["photos"] == {name: PHOTOS * len(of_part(name)) for name in ("train", "validation", "test")}
    assert found["held_out"]["trained"]["people"] == len(of_part("test"))
    assert found["held_out"]["facenet-20180408"]["accuracy"] == 1.0  # painted vectors tell everybody apart
    there = {file.name for file in trainer.run_folder().iterdir()}
    assert there >= {"run.json", "settings.json", "best.safetensors", "curve.csv", "curve.png", "rejects.csv"}
    assert "step 2, 0 s: loss" in printed.err
    assert "nobody of the test half is in training" in printed.err


def test_a_second_run_on_the_same_photos_cuts_nothing(trainer: Trainer) -> None:
    run(trainer, trainer.asked())
    assert trainer.detector.seen == PEOPLE * PHOTOS
    run(trainer, trainer.asked("second"))
    assert trainer.detector.seen == 0
    assert result(trainer, "second")["held_out"] == result(trainer)["held_out"]


def test_cutting_goes_on_where_it_was_ended(trainer: Trainer) -> None:
    with pytest.raises(InterruptedCutError, match=f"ended after {2 * BATCH} of 96 photos of people were cut"):
        run(trainer, trainer.asked(), after(1))
    assert trainer.detector.seen == 2 * BATCH
    assert run(trainer, trainer.asked()) == 0
    assert trainer.detector.seen == PEOPLE * PHOTOS - 2 * BATCH


def test_a_stopped_run_goes_on_to_where_an_unbroken_one_gets(
    trainer: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    run(trainer, trainer.asked("unbroken", steps=6))
    assert run(trainer, trainer.asked(steps=6), after(2)) == 0
    stopped = result(trainer)
    assert (stopped["ended"], stopped["held_out"]) == ("stopped", None)
    assert stopped["steps"] < 6
    assert "train --resume tiny" in capsys.readouterr().err
    assert run(trainer, trainer.resumed()) == 0
    assert result(trainer)["steps"] == 6
    assert result(trainer)["held_out"] == result(trainer, "unbroken")["held_out"]


def test_a_run_that_is_done_goes_on_with_more_steps(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    assert run(trainer, trainer.resumed(steps=5)) == 0
    assert result(trainer)["steps"] == 5


def test_it_goes_on_with_its_own_settings_whatever_the_configuration_says_now(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    assert run(trainer, trainer.resumed(steps=3), margin=0.7, seed=5, min_quality=0.9) == 0


def test_photos_that_changed_end_it(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    write_photo(trainer.photos / name_of(0) / "9.png", person(0, 120))
    with pytest.raises(BadInputError, match="has other photos than when run tiny began"):
        run(trainer, trainer.resumed(steps=3))


def test_another_embedder_ends_it(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    (trainer.run_folder() / "run.json").write_text(
        (trainer.run_folder() / "run.json").read_text("utf-8").replace("facenet-20180408", "other"), "utf-8"
    )
    with pytest.raises(BadInputError, match=r"go on with --set embedding\.model=other"):
        run(trainer, trainer.resumed())


def test_what_is_no_good_is_left_out_of_training_and_not_of_the_test(trainer: Trainer) -> None:
    learner, tested = of_part("train")[0], of_part("test")[0]
    for number in (learner, tested):
        folder = trainer.photos / name_of(number)
        write_photo(folder / "nobody.png")
        write_photo(folder / "small.png", PaintedFace(4 * number + 1, 200, box=(30, 20, 50, 45)))
        write_photo(folder / "poor.png", person(number, 220, quality=0.05))
        write_photo(folder / "stranger.png", PaintedFace(250, box=BOX))
        broken = write_photo(folder / "broken.png", person(number, 90))
        broken.write_bytes(broken.read_bytes()[:60])
    run(trainer, trainer.asked(steps=2))
    told = {row["photo"]: row["reason"] for row in rows_of(trainer.run_folder() / "rejects.csv")}
    folder_name = name_of(learner)
    assert told == {
        f"{folder_name}/nobody.png": "no face found",
        f"{folder_name}/small.png": "face too small",
        f"{folder_name}/poor.png": "quality too low",
        f"{folder_name}/stranger.png": "not like the person's other photos",
        f"{folder_name}/broken.png": "cannot be read",
    }
    assert result(trainer)["photos"]["test"] == PHOTOS * len(of_part("test")) + 4


def test_somebody_of_the_test_half_under_another_name_is_taken_out(
    trainer: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    learner, tested = of_part("train")[0], of_part("test")[0]
    write_photo(trainer.photos / name_of(learner) / "1.png", person(tested, 100))
    write_photo(trainer.photos / name_of(learner) / "0.png", person(tested, 120))
    run(trainer, trainer.asked(steps=2))
    assert result(trainer)["taken_out"] == [name_of(learner)]
    (leak,) = rows_of(trainer.run_folder() / "leaks.csv")
    assert (leak["person"], leak["test_person"]) == (name_of(learner), name_of(tested))
    assert f"taken out of training: {name_of(learner)}" in capsys.readouterr().err


def test_one_person_of_two_sets_is_one(trainer: Trainer) -> None:
    more = trainer.folder / "more"
    for number in range(PEOPLE):
        write_photo(more / name_of(number).upper() / "7.png", person(number, 160))
    asked = trainer.asked(steps=2, sets=(str(trainer.photos), str(more)))
    assert run(trainer, asked) == 0
    photos = result(trainer)["photos"]
    assert photos == {name: (PHOTOS + 1) * len(of_part(name)) for name in ("train", "validation", "test")}


def test_few_people_of_the_test_half_give_no_figures_and_a_line(
    trainer: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(trainer, trainer.asked(steps=2, test=0.05)) == 0
    assert "no figures on the test half" in capsys.readouterr().err
    assert result(trainer)["held_out"] is None


def test_no_face_anywhere_is_one_line(trainer: Trainer, tmp_path: Path) -> None:
    for photo in trainer.photos.rglob("*.png"):
        write_photo(photo)
    with pytest.raises(BadInputError, match="no face was found on any of 96 photos"):
        run(trainer, trainer.asked())
    assert not trainer.run_folder().exists()


def test_too_few_to_choose_by_is_one_line(trainer: Trainer) -> None:
    with pytest.raises(
        BadInputError, match=r"for choosing the best there are \d+ good photos .*training\.validation"
    ):
        run(trainer, trainer.asked(validation=0.01))


def test_two_runs_at_once_in_one_folder_are_refused(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    with (
        FileLock(trainer.run_folder() / ".lock"),
        pytest.raises(TrainingError, match="another run is training"),
    ):
        run(trainer, trainer.resumed(steps=3))


def test_a_name_that_another_process_took_meanwhile_is_left_alone(trainer: Trainer) -> None:
    def taken() -> bool:
        trainer.run_folder().mkdir(exist_ok=True)
        return False

    with pytest.raises(BadInputError, match="run tiny was begun by another process meanwhile"):
        run(trainer, trainer.asked(), taken)
    assert not list(trainer.run_folder().iterdir())


def test_waiting_for_another_process_that_cuts_can_be_ended(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    (faces,) = (trainer.data / "training" / "faces").iterdir()
    other = FileLock(faces / ".lock")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(other.acquire).result()
        with pytest.raises(InterruptedCutError, match="another process was cutting"):
            run(trainer, trainer.asked("second"), lambda: True)
        pool.submit(other.release).result()


def test_a_later_calibration_parts_nobody_otherwise(trainer: Trainer) -> None:
    run(trainer, trainer.asked(steps=2))
    context, wide = trainer.context(), trainer.resumed(steps=3)
    nobody_alike = context.config.verification.model_copy(update={"max_distance": 0.01})
    context = replace(context, config=context.config.model_copy(update={"verification": nobody_alike}))
    assert run_training(context, wide, lambda: trainer.recognition, never) == 0
    assert rows_of(trainer.run_folder() / "rejects.csv") == []
