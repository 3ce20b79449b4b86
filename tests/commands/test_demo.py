"""The demo: its own stage, and the whole of it from photos to a checked table and a video."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from rich.console import Console

import run_pipeline
from config.schema import Config
from pipeline.commands.context import Context
from pipeline.commands.demo import own_stage, say_verdict
from pipeline.commands.script_check import Comparison
from pipeline.demo.play import BIDEN, OBAMA
from pipeline.events.encode import decode
from pipeline.events.event import EventType


def context(data: Path, json: bool = False) -> Context:
    """A context whose gallery is a server's."""
    config = Config.model_validate({"gallery": {"url": "postgresql://user:secret@server/people"}})
    return Context(config, data, data / "models", json, Console(file=io.StringIO(), stderr=True))


def test_the_demo_has_a_gallery_of_its_own(tmp_path: Path) -> None:
    own = own_stage(context(tmp_path))
    assert own.data == tmp_path / "demo"
    assert own.data.is_dir()
    assert own.config.gallery.url is None


def test_the_verdict_ends_with_what_to_try_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say_verdict(context(tmp_path), Comparison(5, 5, ()), Path("demo.mp4"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "as the script has it: 5 of 5"
    assert "demo.mp4" in lines[1]
    assert [line.split()[2] for line in lines[-3:]] == ["enroll", "replay", "subscribe"]


def test_what_differs_is_said_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say_verdict(context(tmp_path), Comparison(5, 4, ("not seen: Ann",)), Path("demo.mp4"))
    assert capsys.readouterr().out.splitlines()[:2] == ["as the script has it: 4 of 5", "not seen: Ann"]


def test_with_json_the_verdict_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say_verdict(context(tmp_path, json=True), Comparison(5, 5, ()), Path("demo.mp4"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("out", "message"), [("demo.avi", "must end in"), ("nowhere/demo.mp4", "no folder")])
def test_a_bad_output_is_told_before_anything_is_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    out: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_pipeline.main(["demo", "--out", out, "--data", str(tmp_path / "data")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert not (tmp_path / "data" / "demo").exists()


@pytest.mark.models
@pytest.mark.redis
def test_the_demo_names_everybody_twice_the_same_and_the_second_time_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    options = ["--data", str(tmp_path / "data")]
    assert run_pipeline.main(["demo", "--out", str(first), *options]) == 0
    printed = capsys.readouterr().out
    assert "as the script has it: 5 of 5" in printed
    assert printed.count(OBAMA) == 3
    assert printed.count(BIDEN) == 1
    recording = tmp_path / "data" / "demo" / "camera.mp4"
    filmed_ns = recording.stat().st_mtime_ns

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert run_pipeline.main(["demo", "--json", "--out", str(second), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    events = [decode(line) for line in lines]
    ends = [event for event in events if event.type is EventType.END]
    names = [event.identity.name if event.identity else None for event in ends]
    assert (names.count(OBAMA), names.count(BIDEN), names.count(None)) == (3, 1, 1)
    assert recording.stat().st_mtime_ns == filmed_ns
    assert second.read_bytes() == first.read_bytes()

    assert (
        run_pipeline.main(
            ["subscribe", "--replay", "--since", "0", "--json", "--count", str(2 * len(lines)), *options]
        )
        == 0
    )
    assert capsys.readouterr().out.splitlines() == lines * 2

    assert not (tmp_path / "data" / "gallery.db").exists()
    with av.open(str(second)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.width, stream.height) == (500, 1280, 720)
