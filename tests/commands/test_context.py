"""What commands share: options to plain values, results on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from config.errors import ConfigError
from config.schema import Config
from pipeline.commands.context import Context, make_context, make_folder, set_up_logging, write_out
from pipeline.errors import OutsideError


@pytest.fixture
def plain(tmp_path: Path) -> Context:
    return Context(
        Config(), tmp_path, tmp_path / "models", json=False, console=Console(stderr=True, markup=False)
    )


def logged(debug: bool) -> tuple[logging.Logger, io.StringIO]:
    """A logger of ours, and what reaches standard error."""
    written = io.StringIO()
    set_up_logging(Console(file=written, markup=False, highlight=False, soft_wrap=True, width=40), debug)
    return logging.getLogger("pipeline.test"), written


def test_options_become_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESTREAM_MODELS", raising=False)
    data = tmp_path / "a" / "b"
    made = make_context(None, data, ["detection.input_px=640"], True, False)
    assert made.config.detection.input_px == 640
    assert made.data == data
    assert data.is_dir()
    assert made.models == Path("models")
    assert made.json


def test_folders_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESTREAM__DATA", str(tmp_path / "env"))
    monkeypatch.setenv("FACESTREAM_MODELS", str(tmp_path / "nets"))
    made = make_context(None, None, None, False, False)
    assert (made.data, made.models) == (tmp_path / "env", tmp_path / "nets")
    assert make_context(None, tmp_path / "given", None, False, False).data == tmp_path / "given"


def test_empty_variables_are_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACESTREAM__DATA", "")
    monkeypatch.setenv("FACESTREAM_MODELS", "")
    made = make_context(None, None, None, False, False)
    assert (made.data, made.models) == (Path("data"), Path("models"))


def test_the_data_folder_is_made_only_where_wanted(tmp_path: Path) -> None:
    make_context(None, tmp_path / "none", None, False, False, make_data=False)
    assert not (tmp_path / "none").exists()


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutsideError) as caught:
        make_folder(file / "data")
    assert str(caught.value) == (
        f"data folder {file}/data cannot be made: Not a directory; name another with --data"
    )
    with pytest.raises(OutsideError, match="cannot be made: File exists; name another with --data"):
        make_folder(file)


def test_a_wrong_assignment_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        make_context(None, tmp_path, ["nonsense"], False, False)


def test_json_is_one_line_with_floats_as_given(plain: Context, capsys: pytest.CaptureFixture[str]) -> None:
    plain.print_json({"distance": 0.1234, "name": "Renée [x]", "none": None, "path": "a\nb"})
    assert (
        capsys.readouterr().out
        == '{"distance": 0.1234, "name": "Renée [x]", "none": null, "path": "a\\nb"}\n'
    )


def test_json_has_no_values_that_json_lacks(plain: Context) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        plain.print_json({"distance": float("nan")})


def test_names_with_brackets_are_printed_as_they_are(
    plain: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table("name", box=None)
    table.add_row("[bold]Ann[/bold] :smile:")
    plain.print("[red]x", table)
    out = capsys.readouterr().out
    assert "[red]x" in out
    assert "[bold]Ann[/bold] :smile:" in out


def test_progress_is_silent_where_nobody_watches(plain: Context, capsys: pytest.CaptureFixture[str]) -> None:
    with plain.progress() as progress:
        task = progress.add_task("fetching [x]", total=2)
        progress.advance(task)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_log_record_is_one_masked_line() -> None:
    log, written = logged(debug=False)
    log.info("opening %s\nand [bold]more %s", "rtsp://ann:hunter2@cam/1", "x" * 50)
    lines = written.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(f"INFO    pipeline.test: opening rtsp://*****@cam/1 and [bold]more {'x' * 50}")


def test_tracebacks_are_logged_with_debug_only() -> None:
    for debug, shown in ((False, False), (True, True)):
        log, written = logged(debug)
        try:
            raise ValueError("rtsp://ann:hunter2@cam")
        except ValueError:
            log.exception("capture failed")
        assert ("Traceback" in written.getvalue()) is shown
        assert "capture failed" in written.getvalue()
        assert "hunter2" not in written.getvalue()


def test_what_is_logged_at_which_level() -> None:
    for debug, expected in ((False, ["ours"]), (True, ["detail", "ours"])):
        log, written = logged(debug)
        log.debug("detail")
        log.info("ours")
        logging.getLogger("elsewhere").info("of others")
        assert [line.rsplit(" ", 1)[1] for line in written.getvalue().splitlines()] == expected


def test_setting_up_twice_logs_once() -> None:
    logged(debug=False)
    log, written = logged(debug=False)
    log.warning("once")
    assert written.getvalue().count("once") == 1


def test_json_of_numbers_and_lists_reads_back(plain: Context, capsys: pytest.CaptureFixture[str]) -> None:
    value = {"box": [0.41, 0.22], "n": 3, "yes": True}
    plain.print_json(value)
    assert json.loads(capsys.readouterr().out) == value


def test_what_is_said_is_one_line_whatever_it_names(
    plain: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    plain.say("a\x1b[31m\nb\udcff.jpg: rtsp://u:p@h is away")
    assert capsys.readouterr().err == "a\\x1b[31m b\\udcff.jpg: rtsp://*****@h is away\n"


def test_a_name_in_the_log_gives_no_orders_to_a_terminal() -> None:
    log, written = logged(debug=False)
    log.warning("\x1b]0;owned\x07.mp4: damaged\nand more")
    assert "\\x1b]0;owned\\x07.mp4: damaged and more" in written.getvalue()


def test_a_full_disk_behind_standard_output_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(
            OutsideError, match=r"standard output cannot be written .No space left on device.; make"
        ):
            write_out("x" * 100_000)
        monkeypatch.undo()
