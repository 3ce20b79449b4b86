"""`bench` finds the programs of benchmarks/ and leaves their arguments to them."""

from __future__ import annotations

import pytest

import run_pipeline
from pipeline.commands.bench import FOLDER, benchmark_names


def test_benchmarks_are_the_files_that_have_a_main() -> None:
    assert {"crop", "pipeline"} <= set(benchmark_names())
    for name in benchmark_names():
        assert "\ndef main(argv: " in (FOLDER / f"{name}.py").read_text(encoding="utf-8"), name


def test_what_is_shared_by_benchmarks_is_none_itself() -> None:
    assert not [name for name in benchmark_names() if name.startswith("_")]


@pytest.mark.parametrize("name", ["_lfw", "", "crop.py", "../run_pipeline"])
def test_nothing_else_is_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["bench", name]) == 2
    assert "no such benchmark; there are: centre, crop" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["crop", "pipeline"])
def test_arguments_behind_the_name_are_the_benchmarks_own(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:  # how argparse ends after its help
        run_pipeline.main(["bench", name, "--help"])
    assert done.value.code == 0
    assert "usage:" in capsys.readouterr().out
