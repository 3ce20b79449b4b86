"""`upgrade`: prepare, compare, switch, back and drop, with a model that describes pixels by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipeline.events.file_lock import locked
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.gallery.upgrade.kept import NEW_DIMENSION, bare, embed, kept

OLD_ID = "facenet-20180408-centred"
ENTRY = """
{name}:
  role: embedding
  model_id: {name}-1
  network: onnx
  licence: ours
  terms: none
  path: {name}.onnx
  files: [{{name: {name}.onnx, sha256: {digits}}}]
  input: {{side_px: 32}}
  dimension: {dimension}
  compatible_with: [{compatible}]
"""
SETTINGS = ("--set", "matching.max_distance=0.9")

Run = Callable[..., int]


def entry(name: str, dimension: int = NEW_DIMENSION, compatible: str = "") -> str:
    return ENTRY.format(name=name, digits="a" * 64, dimension=dimension, compatible=compatible)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on this test's gallery, with models `new`, and `twin`, which is compatible with the default."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "own.yaml").write_text(entry("new") + entry("twin", 512, OLD_ID))
    monkeypatch.setenv("FACESTREAM_MODELS", str(models))
    monkeypatch.setattr("pipeline.commands.upgrade_run._opened", lambda change: nullcontext())
    monkeypatch.setattr("pipeline.commands.upgrade_run.embed_by", lambda recognition: embed)

    def run(*words: str) -> int:
        return main(["upgrade", *words, "--data", str(tmp_path), *SETTINGS])

    return run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ann, Bob and Cleo by the default model; Cleo without a kept face."""
    with Store(tmp_path) as opened:
        opened.enroll("Ann", [kept(1, 0, OLD_ID), kept(1, 1, OLD_ID)])
        opened.enroll("Bob", [kept(2, 0, OLD_ID)])
        opened.enroll("Cleo", [bare(3, 0, OLD_ID)])
        yield opened


def serves(store: Store) -> str | None:
    found = store.serving()
    return None if found is None else found.model


def test_there_and_back(run: Run, store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # The made-up model tells two photos of Ann for two people.
    assert run("--to", "new") == 2
    printed = capsys.readouterr()
    assert "worse for 1 of 2 people (50.0 %)" in printed.out
    assert "Ann" in printed.out
    assert "worse for 50.0 % of the people compared, more than 5 %: nothing was switched" in printed.err
    assert serves(store) is None
    assert run("--to", "new", "--dry-run") == 0
    assert "nothing was switched: facenet-20180408 serves" in capsys.readouterr().err
    assert run("--to", "new", "--max-changes", "50") == 0
    printed = capsys.readouterr()
    assert "new serves now" in printed.out
    assert "left behind: 1" in printed.out
    assert "Cleo (p_" in printed.out
    assert serves(store) == "new"
    assert run("--to", "new") == 0
    assert "new serves already, and every kept face is described by it" in capsys.readouterr().err
    assert run("--back") == 0
    assert "facenet-20180408 serves now" in capsys.readouterr().out
    assert serves(store) == "facenet-20180408"
    assert run("--back") == 0
    assert serves(store) == "new"


def test_the_report_is_kept_by_ids_alone(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("--to", "new", "--dry-run", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    text = (tmp_path / "upgrade" / "new.json").read_text()
    assert json.loads(text) == told["agreement"]
    ann = store.find("Ann")
    assert [one["person"] for one in told["agreement"]["changes"]] == [ann.id]
    assert "Ann" not in text


def test_status_tells_what_serves_and_what_waits(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--status") == 0
    assert "facenet-20180408 serves (since ever)" in capsys.readouterr().out
    assert run("--to", "new", "--force") == 0
    store.enroll("Bob", [kept(2, 1, OLD_ID)])
    capsys.readouterr()
    assert run("--status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["serving"], told["model_id"], told["given"]) == ("new", "new-1", False)
    assert told["models"] == [
        {"model_id": OLD_ID, "templates": 5, "people": 3, "waiting": 0},
        {"model_id": "new-1", "templates": 3, "people": 2, "waiting": 1},
    ]
    assert [one["name"] for one in told["left_behind"]] == ["Cleo"]
    assert run("--to", "new") == 0
    assert "faces described now: 1" in capsys.readouterr().err
    assert run("--status") == 0
    shown = capsys.readouterr().out
    assert "new serves (since 2" in shown
    assert "ready: upgrade --to changes to it at once" in shown


def test_compatible_models_switch_at_once(run: Run, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--to", "twin", "--dry-run") == 0
    assert "it would serve at once" in capsys.readouterr().err
    assert serves(store) is None
    assert run("--to", "twin") == 0
    printed = capsys.readouterr()
    assert "are compared as they are" in printed.err
    assert "left behind" not in printed.out
    assert store.templates_by_model() == {OLD_ID: 4}
    assert run("--drop", OLD_ID) == 2
    assert "known by facenet-20180408-centred alone" in capsys.readouterr().err


def test_old_templates_are_dropped_when_nobody_needs_them(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--to", "new", "--force") == 0
    assert run("--drop", "facenet-20180408") == 2
    assert "Cleo: known by facenet-20180408-centred alone" in capsys.readouterr().err
    store.forget(store.find("Cleo").id)
    assert run("--drop", "facenet-20180408") == 0
    assert store.templates_by_model() == {"new-1": 3}
    assert run("--drop", "new") == 2
    assert "new-1 serves" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "nwe"], "no model 'nwe'; did you mean new?"),
        (
            ["--to", "centerface"],
            "centerface is no embedder, its role is detection; embedders are facenet-20180408",
        ),
        (["--back"], "the gallery was never switched"),
        (["--to", "new", "--set", "embedding.model=facenet-20180408"], "take it out, or write auto"),
        (["--drop", "nwe"], "no model 'nwe'"),
        ([], "give one of --to MODEL, --back, --status and --drop MODEL"),
        (["--to", "new", "--back"], "give one of"),
        (["--back", "--force"], "go with --to MODEL"),
    ],
)
def test_what_cannot_be_is_one_line(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run(*words) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert serves(store) is None


def test_without_statistics_it_says_what_to_run_before_any_work(
    run: Run, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upgrade", "--to", "new", "--data", str(tmp_path)]) == 2
    line = capsys.readouterr().err
    assert "calibrate --strangers FOLDER_OF_PEOPLE" in line
    assert "--set embedding.model=new" in line
    assert "new-1" not in store.templates_by_model()


def test_two_at_once_are_refused(
    run: Run, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "upgrade").mkdir()
    with locked(tmp_path / "upgrade" / "lock"):
        assert run("--to", "new") == 2
    assert "another upgrade of this gallery is running" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_line(
    run: Run, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "upgrade").write_text("no folder")
    assert run("--to", "new") == 3
    assert "make it writable" in capsys.readouterr().err


def test_a_switch_just_before_the_lock_is_seen(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--drop would erase what serves by then."""
    store.enroll("Cleo", [kept(3, 1, OLD_ID)])
    assert run("--to", "new", "--force") == 0
    monkeypatch.setattr(
        "pipeline.commands.upgrade.check_switchable", lambda context: store.serve("facenet-20180408", OLD_ID)
    )
    before = store.templates_by_model()
    assert run("--drop", "facenet-20180408") == 2
    assert "just switched to facenet-20180408" in capsys.readouterr().err
    assert store.templates_by_model() == before
