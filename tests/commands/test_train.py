"""`train` on the command line: what it refuses in one line, what it lists, and one run on real faces."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from run_pipeline import main
from tests.commands.training.painted_training import person, write_photo, write_set


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that it ends with."""
    assert main(["train", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give DATASET, a folder or tar of people; or --list, --resume RUN, --export RUN"),
        (["x", "--list"], "--list and DATASET: give one of them"),
        (["--resume", "a", "--export", "b"], "--resume and --export: give one of them"),
        (["--resume", "a", "--network", "tiny"], "--network goes with DATASET, not with --resume"),
        (["x", "--network", "tiny", "--name", "y"], "--name goes with --export, not with DATASET"),
        (["x", "--network", "tiny", "--force"], "--force goes with --export, not with DATASET"),
        (["--export", "a", "--minutes", "3"], "--minutes goes with DATASET or --resume, not with --export"),
        (["--list", "--steps", "3"], "--steps goes with DATASET or --resume, not with --list"),
        (
            ["--export", "a", "--dimension", "3"],
            "--dimension goes with DATASET or --resume or --list, not with",
        ),
        (
            ["--resume", "a", "--compatible-with", "b"],
            "--compatible-with goes with DATASET, not with --resume",
        ),
        (
            ["x", "--network", "tiny", "--steps", "3", "--minutes", "1"],
            "--minutes and --steps: give one of them",
        ),
        (["x"], "--network is missing; --list shows what there is"),
        (["x", "--network", "nns3"], "no network 'nns3'; did you mean nn"),
        (["x", "--network", "heads"], "no network 'heads'; did you mean head?"),
        (["x", "--network", "tiny", "--run", "../x"], "'../x' cannot be the name of a run"),
        (["x", "--network", "tiny", "--run", "faces"], "'faces' cannot be the name of a run"),
        (["--resume", "gone"], "is no training run; there is none yet; start one with a DATASET"),
        (["--export", "gone"], "is no training run"),
        (["gone", "--network", "tiny"], "gone: no such folder or archive"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused([*arguments, "--data", str(tmp_path)], capsys)


def test_a_run_that_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "training" / "mine").mkdir(parents=True)
    arguments = ["x", "--network", "tiny", "--run", "mine", "--data", str(tmp_path)]
    assert "run mine is there; go on with it: --resume mine" in refused(arguments, capsys)


def test_people_nobody_can_learn_from_are_refused_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photo(tmp_path / "one" / "all" / "Ann" / "1.png", person(1))
    write_photo(tmp_path / "one" / "all" / "Ann" / "2.png", person(1, 40))
    write_set(tmp_path / "single", people=3, photos=1)
    data = ["--network", "tiny", "--data", str(tmp_path / "data")]
    assert "training needs many" in refused([str(tmp_path / "one"), *data], capsys)
    assert "has one photo of each of 3 people" in refused([str(tmp_path / "single"), *data], capsys)


def test_a_model_to_be_compatible_with_must_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["x", "--network", "tiny", "--compatible-with", "facenet-20180408", "--data", str(tmp_path)]
    assert "takes crops of 160 px, and tiny of 32 px" in refused(arguments, capsys)
    arguments[2] = "head"
    assert "only the same can be compared" in refused([*arguments, "--dimension", "64"], capsys)


def test_the_list_counts_each_network_beside_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--list", "--json"]) == 0
    found = {line["network"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {"nn1", "nn2", "nn3", "nn4", "nns1", "nns2", "tiny", "head", "inception-resnet-v1"} <= set(found)
    assert found["nn2"]["paper"]["val_at_far_1e-3"] == pytest.approx(0.894)
    assert found["nn2"]["parameters"] == pytest.approx(found["nn2"]["paper"]["parameters"], rel=0.05)
    assert found["head"]["parameters"] == 1793 * 128
    assert found["tiny"]["paper"] is None


def small_part(photos: Path, out: Path, people: int) -> Path:
    """A tar of people of LFW with two photos each."""
    with tarfile.open(photos) as source, tarfile.open(out, "w") as part:
        members = [member for member in source if member.name.endswith(".jpg")]
        counts = Counter(member.name.split("/")[-2] for member in members)
        chosen = set([name for name in sorted(counts) if counts[name] == 2][:people])
        for member in members:
            if member.name.split("/")[-2] in chosen:
                part.addfile(member, source.extractfile(member))
    return out


@pytest.mark.models
@pytest.mark.data
def test_a_run_on_real_faces_and_its_export(
    test_data: Path,
    models_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos = small_part(test_data / "lfw_view2.tar", tmp_path / "part.tar", people=50)
    models = tmp_path / "models"
    models.mkdir()
    for each in models_dir.iterdir():
        (models / each.name).symlink_to(each.resolve())
    monkeypatch.setenv("FACESTREAM_MODELS", str(models))
    where = ["--data", str(tmp_path / "data"), "--json", "--set", "training.validation=0.3"]
    smaller = ["--set", "training.people=4", "--set", "training.others=0", "--steps", "3"]
    assert main(["train", str(photos), "--network", "tiny", *where, *smaller]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["photos"]["test"] > told["photos"]["train"] > 0
    assert told["held_out"]["facenet-20180408"]["accuracy"] > 0.95
    assert main(["train", "--export", "tiny", "--name", "mine", *where]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "mine"
    assert main(["models", "--list", "--json"]) == 0
    assert "mine" in {json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()}
