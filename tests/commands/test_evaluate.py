"""`evaluate`: a group of commands that are imported when they are run."""

from __future__ import annotations

import importlib.util

import pytest
import typer
from typer.core import TyperGroup

import run_pipeline
from pipeline.commands.app import Entry, load_command
from pipeline.commands.evaluate import ENTRIES, PACKAGE


def delivered() -> list[Entry]:
    return [entry for entry in ENTRIES if importlib.util.find_spec(f"{PACKAGE}.{entry.name}")]


def test_the_group_has_its_table() -> None:
    group = load_command(Entry("evaluate", ""))
    assert isinstance(group, TyperGroup)
    assert group.list_commands(typer.Context(group)) == [entry.name for entry in ENTRIES]


@pytest.mark.parametrize("entry", delivered(), ids=lambda entry: entry.name)
def test_each_has_an_example_and_the_shared_options(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["evaluate", entry.name, "--help"]) == 0
    assert f"python run_pipeline.py evaluate {entry.name}" in " ".join(capsys.readouterr().out.split())
    options = {option for parameter in load_command(entry).params for option in parameter.opts}
    assert {"--config", "--data", "--set", "--json", "--debug"} <= options


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["evaluate"]) == 2
    assert "Example: python run_pipeline.py evaluate lfw" in capsys.readouterr().err


def test_a_module_that_is_not_there_stops_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModuleNotFoundError):
        load_command(Entry("not_delivered", "", PACKAGE))
