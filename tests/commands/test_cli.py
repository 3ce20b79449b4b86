"""The command line as a person meets it: help, exit codes, one line for an error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import run_pipeline
from pipeline.commands.app import ENTRIES, Entry, LazyCommand, load_command, root_command
from pipeline.commands.evaluate import ENTRIES as EVALUATIONS
from pipeline.errors import BadInputError

ROOT = Path(__file__).parents[2]
NAMES = [entry.name for entry in ENTRIES]
HEAVY = ("torch", "openvino", "cv2", "av", "sqlalchemy", "hnswlib", "onnx", "scipy", "redis")


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    command = [sys.executable, "run_pipeline.py", *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def imported_by(statement: str) -> set[str]:
    """Top-level names of all modules that Python has loaded after this statement."""
    code = (
        f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_lists_every_command_and_is_quick() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for entry in ENTRIES:
        assert f"  {entry.name} " in done.stdout
        assert entry.summary in done.stdout
    assert "Example: python run_pipeline.py demo" in done.stdout


def test_help_imports_no_more_than_typer() -> None:
    loaded = imported_by("import run_pipeline; run_pipeline.main(['--help'])")
    assert "typer" in loaded
    assert not loaded & {*HEAVY, "numpy", "pydantic", "yaml"}


def test_no_command_imports_anything_heavy_before_it_runs() -> None:
    loaded = imported_by("from pipeline.commands.app import *\nfor entry in ENTRIES: load_command(entry)")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_each_command_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"Usage: run_pipeline.py {name}" in text
    assert f"python run_pipeline.py {name}" in text


def test_help_of_each_people_command_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    group = load_command(Entry("people", ""))
    for name in group.list_commands(typer.Context(group)):
        assert run_pipeline.main(["people", name, "--help"]) == 0
        assert f"python run_pipeline.py people {name}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_each_command_has_the_shared_options(entry: Entry) -> None:
    command = load_command(entry)
    commands = list(command.commands.values()) if isinstance(command, TyperGroup) else [command]
    for given in commands if entry.name not in ("bench", "evaluate") else ():
        each = load_command(given.entry) if isinstance(given, LazyCommand) else given
        options = {option for parameter in each.params for option in parameter.opts}
        assert {"--config", "--data", "--set", "--json", "--debug"} <= options


def test_help_of_evaluate_lists_its_commands_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["evaluate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {each.name} " in shown and each.summary in shown for each in EVALUATIONS)
    loaded = imported_by("import run_pipeline; run_pipeline.main(['evaluate', '--help'])")
    assert not loaded & {*HEAVY, "numpy", "yaml", "sklearn", "matplotlib"}


def test_an_unknown_evaluation_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["evaluate", "frobnicate"]) == 2
    line = "facestream: No such command 'frobnicate'; see: python run_pipeline.py evaluate --help\n"
    assert capsys.readouterr().err == line


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: run_pipeline.py")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see: python run_pipeline.py --help"),
        (["--frobnicate"], "No such option: --frobnicate; see: python run_pipeline.py --help"),
        (
            ["doctor", "--frobnicate"],
            "No such option: --frobnicate; see: python run_pipeline.py doctor --help",
        ),
        (["bench"], "Missing argument 'name'; see: python run_pipeline.py bench --help"),
        (["doctor", "--set", "x"], "--set 'x': expected section.key=value, as detection.input_px=640"),
        (
            ["doctor", "--data", ""],
            "Invalid value for '--data': is empty; see: python run_pipeline.py doctor --help",
        ),
        (["doctor", "--config", "."], ".: is a folder; name a YAML file"),
        (
            ["identify", ""],
            "Invalid value for 'IMAGE...': is empty; see: python run_pipeline.py identify --help",
        ),
        (
            ["replay", "x.mp4", "--summary", ""],
            "Invalid value for '--summary': is empty; see: python run_pipeline.py replay --help",
        ),
        (
            ["subscribe", "--group", "\udcff"],
            r"Invalid value for '--group': '\udcff' is not UTF-8; see: python run_pipeline.py subscribe --help",
        ),
    ],
)
def test_bad_usage_is_one_line_and_2(argv: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"facestream: {line}\n"


def test_an_unknown_benchmark_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["bench", "../setup"]) == 2
    assert capsys.readouterr().err.startswith("facestream: ../setup: no such benchmark; there are: ")


def test_debug_shows_the_traceback_and_then_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["doctor", "--debug", "--set", "x"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("facestream: --set 'x': expected")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "facestream: interrupted\n"),
        (BadInputError("a: b"), 2, "facestream: a: b\n"),
        (
            ZeroDivisionError("division by zero"),
            3,
            "facestream: internal error: ZeroDivisionError: division by zero; "
            "run again with --debug for the traceback\n",
        ),
    ],
)
def test_report(error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.report(error, debug=False) == code
    assert capsys.readouterr().err == line


def test_report_as_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.report(BadInputError("a: \N{SNOWMAN}"), debug=True, as_json=True) == 2
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("error", "a: \N{SNOWMAN}")
    assert line.isascii()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["--version"]) == 0
    assert capsys.readouterr().out == "facestream 0.1.0\n"


def test_a_reader_that_went_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "run_pipeline.py", "--help"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=write_end, stderr=subprocess.PIPE, timeout=60, check=False
        )
    finally:
        os.close(write_end)
    assert done.returncode == 141
    assert done.stderr == b""


def test_standard_streams_that_are_closed_are_nowhere_and_no_files(tmp_path: Path) -> None:
    command = f"{sys.executable} run_pipeline.py people list --json --data {tmp_path} <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=ROOT, timeout=60, check=False).returncode == 0
    assert (tmp_path / "gallery.db").read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_what_a_command_began(number: signal.Signals, tmp_path: Path) -> None:
    """Reading a pipe that nobody writes to stands for a command at work."""
    os.mkfifo(tmp_path / "keys.yaml")
    command = [sys.executable, "run_pipeline.py", "doctor", "--config", str(tmp_path / "keys.yaml")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as working:
        os.close(
            os.open(tmp_path / "keys.yaml", os.O_WRONLY)
        )  # returns when the command has come to its pipe
        working.send_signal(number)
        _, said = working.communicate(timeout=60)
    assert (working.returncode, said) == (128 + number, f"facestream: ended by {number.name}\n")


def test_a_missing_package_is_one_line() -> None:
    code = "import sys; sys.modules['typer'] = None; import run_pipeline; sys.exit(run_pipeline.main(['doctor']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("facestream: typer is not installed here; run: make install")
    assert len(done.stderr.splitlines()) == 1


def test_a_command_whose_name_is_a_keyword_is_called_otherwise_in_its_module() -> None:
    assert Entry("import", "", module="import_people").called == "import_people"
    assert Entry("enroll", "").called == "enroll"


def test_every_command_is_in_the_group() -> None:
    assert list(root_command().commands) == NAMES
