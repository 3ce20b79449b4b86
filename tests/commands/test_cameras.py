"""`cameras`, on the file alone and with a monitor that runs."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from config.cameras import load_cameras
from pipeline.commands.cameras_output import listed, table_of
from pipeline.commands.narrow_table import fitted
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from pipeline.web.monitored import CamerasApplied
from run_pipeline import main
from tests.commands.watched_file import FileMonitor
from tests.web.serving import serving

PASSWORD = "geheim"
URL = f"rtsp://ann:{PASSWORD}@10.0.0.5/1"


def run(data: Path, *arguments: str) -> int:
    return main(["cameras", *arguments, "--data", str(data)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert PASSWORD not in captured.out + captured.err
    return [json.loads(line) for line in captured.out.splitlines()]


def words(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert PASSWORD not in captured.out + captured.err
    return captured.out + captured.err


def test_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert run(data, "list", "--json") == 0
    assert lines(capsys) == []
    assert not data.exists()
    keys = ("--rotate", "90", "--min-face-px", "60", "--rate-hz", "2.5", "--transport", "udp", "--json")
    region = ("--region", "0.1,0.2 0.9,0.2 0.5,1", "--mask", "0,0 1,0 1,0.1")
    assert run(data, "add", "front-door", URL, *keys, *region) == 0
    (told,) = lines(capsys)
    assert told == {
        "id": "front-door",
        "address": "rtsp://*****@10.0.0.5/1",
        "in_file": True,
        "enabled": True,
        "transport": "udp",
        "rotate": 90,
        "region": [[[0.1, 0.2], [0.9, 0.2], [0.5, 1.0]]],
        "mask": [[[0.0, 0.0], [1.0, 0.0], [1.0, 0.1]]],
        "min_face_px": 60,
        "rate_hz": 2.5,
        "watchlists": [],
        "state": None,
    }
    path = data / "cameras.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (camera,) = load_cameras(path)
    assert camera.url.reveal() == URL
    assert run(data, "add", "lobby", "/dev/video0") == 0
    assert run(data, "pause", "lobby", "--json") == 0
    assert run(data, "list", "--json") == 0
    assert run(data, "show", "lobby", "--json") == 0
    capsys.readouterr()
    assert [each.enabled for each in load_cameras(path)] == [True, False]
    assert run(data, "resume", "lobby") == 0
    assert run(data, "remove", "front-door", "--json") == 0
    assert [each.id for each in load_cameras(path)] == ["lobby"]
    assert path.read_text().startswith("# Which cameras are watched")


def test_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "list") == 0
    assert "there is no camera; see 'cameras add --help'" in words(capsys)
    assert run(tmp_path, "add", "door", URL) == 0
    said = words(capsys)
    assert "door: enabled" in said
    assert f"no monitor runs on {tmp_path}; the next one reads the file" in said
    assert run(tmp_path, "list") == 0
    assert "rtsp://*****@10.0.0.5/1" in words(capsys)
    assert run(tmp_path, "show", "door") == 0
    assert "transport" in words(capsys)
    assert run(tmp_path, "pause", "door") == 0
    assert "door: paused" in words(capsys)
    assert run(tmp_path, "remove", "door") == 0
    assert "door: removed" in words(capsys)


def test_a_list_of_80_columns_keeps_ids_and_states_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(
        tmp_path,
        "add",
        "front-door-of-the-house",
        URL.replace("/1", "/Streaming/Channels/101/and/so/on/and/so/on"),
    )
    found = listed(load_cameras(tmp_path / "cameras.yaml"), None)
    console = Console(width=80)
    console.print(fitted(table_of(found), console))
    text = capsys.readouterr().out
    assert "front-door-of-the-house" in text
    assert "enabled" in text
    assert "watchlists" not in text


def test_with_a_monitor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = FileMonitor(tmp_path / "cameras.yaml", {"far": "no answer within 5 s"})
    with serving(monitor, tmp_path):
        assert run(tmp_path, "add", "door", URL) == 0
        assert "door: streaming, 1920x1080 h264, 25.0 fps" in words(capsys)
        assert run(tmp_path, "add", "far", "rtsp://10.0.0.9/1") == 0
        assert "far: waiting, 3h07: no answer within 5 s" in words(capsys)
        assert run(tmp_path, "pause", "door", "--json") == 0
        assert lines(capsys)[0]["state"] == "paused"
        assert run(tmp_path, "resume", "door", "--json") == 0
        (door,) = lines(capsys)
        assert (door["state"], door["enabled"], door["width"]) == ("streaming", True, 1920)
        assert run(tmp_path, "list", "--json") == 0
        assert [(each["id"], each["state"]) for each in lines(capsys)] == [
            ("door", "streaming"),
            ("far", "waiting"),
        ]
        assert run(tmp_path, "list") == 0
        assert "no answer within 5 s" in words(capsys)
        assert run(tmp_path, "remove", "door", "--json") == 0
        assert lines(capsys) == [{"id": "door", "removed": True, "watched": False}]
        assert monitor.reloads == 5


def test_a_monitor_that_watches_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FileMonitor(tmp_path / "other.yaml"), tmp_path):
        assert run(tmp_path, "add", "door", URL) == 0
        assert "does not watch" in words(capsys)


def test_cameras_of_the_monitors_command_line_are_listed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("cameras:\n  - {id: extra, url: x}\n")
    with serving(FileMonitor(other), tmp_path):
        assert run(tmp_path, "add", "door", URL) == 0
        capsys.readouterr()
        assert run(tmp_path, "list") == 0
        assert "not in the file" in words(capsys)
        assert run(tmp_path, "list", "--json") == 0
        assert [(each["id"], each["in_file"]) for each in lines(capsys)] == [("door", True), ("extra", False)]
        assert run(tmp_path, "remove", "extra") == 2
        assert "camera 'extra': is not in" in words(capsys)


def test_a_broken_file_while_a_monitor_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cameras.yaml"
    with serving(FileMonitor(path), tmp_path):
        assert run(tmp_path, "add", "door", URL) == 0
        path.write_text(f"{path.read_text()}    rotate: 45\n")
        capsys.readouterr()
        assert run(tmp_path, "list") == 2
        said = words(capsys)
        assert "streaming" in said
        assert "camera door: rotate: expected one of 0, 90, 180, 270, got 45" in said
        assert run(tmp_path, "pause", "door") == 2
        assert "rotate: expected" in words(capsys)


def test_a_monitor_that_refuses_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = FileMonitor(tmp_path / "cameras.yaml")
    with serving(monitor, tmp_path):
        monitor.on_reload(lambda: CamerasApplied(problem="no room for another camera"))
        assert run(tmp_path, "add", "door", URL) == 3
        assert "the running monitor did not take it: no room for another camera" in words(capsys)
    assert [each.id for each in load_cameras(tmp_path / "cameras.yaml")] == ["door"]


def test_an_address_that_is_in_no_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f" {URL} \nmore\n"))
    assert run(tmp_path, "add", "door", "-") == 0
    assert load_cameras(tmp_path / "cameras.yaml")[0].url.reveal() == URL
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert run(tmp_path, "add", "lobby", "-") == 2
    assert "standard input holds no address" in words(capsys)


def test_unknown_watchlists_are_told_and_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path) as store:
        Watchlists(store.database).create("vip", "greet")
    assert run(tmp_path, "add", "door", URL, "--watchlist", "vip", "--watchlist", "staff") == 0
    said = words(capsys)
    assert "there is no watchlist 'staff'" in said
    assert "'vip'" not in said
    assert load_cameras(tmp_path / "cameras.yaml")[0].watchlists == ("vip", "staff")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "door", "x"), "camera door: is in"),
        (("add", "a b", "x"), "camera a b: id: expected up to 64 letters"),
        (("add", "a\x1b[2J", "x"), "id: expected up to 64 letters"),
        (("add", "", "x"), "is empty"),
        (("add", "n", ""), "is empty"),
        (("add", "n", "x\ny"), "url: expected an address"),
        (("add", "n", f"rtps://ann:{PASSWORD}@10.0.0.5/1"), "is no kind of camera"),
        (("add", "n", f"ann:{PASSWORD}@10.0.0.5/1"), "is no kind of camera"),
        (("add", "n", f"rtsp://ann:x/{PASSWORD}@10.0.0.5/1"), "write them %2F"),
        (("add", "n", "x", "--rotate", "45"), "camera n: rotate: expected one of 0, 90, 180, 270, got 45"),
        (("add", "n", "x", "--rate-hz", "nan"), "rate_hz: expected a number above 0"),
        (("add", "n", "x", "--transport", "rtp"), "transport: expected one of auto, tcp, udp"),
        (("add", "n", "x", "--region", "a"), "--region: expected points x,y from 0 to 1"),
        (("add", "n", "x", "--region", "0,0 1,0 1,2"), "region: polygon 1: point 3: expected [x, y]"),
        (("add", "n", "x", "--mask", ""), "mask: polygon 1: has 0 points"),
        (("remove", "nobody"), "camera 'nobody': is not in"),
        (("pause", "nobody"), "there are door"),
        (("show", "nobody"), "camera 'nobody': there is none; there are door"),
    ],
)
def test_refusals_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert run(tmp_path, "add", "door", URL) == 0
    before = (tmp_path / "cameras.yaml").read_bytes()
    capsys.readouterr()
    assert run(tmp_path, *arguments) == 2
    said = words(capsys)
    assert says in said
    assert len(said.splitlines()) == 1
    assert (tmp_path / "cameras.yaml").read_bytes() == before


def test_the_file_may_be_elsewhere(tmp_path: Path) -> None:
    assert run(tmp_path, "add", "door", URL, "--set", f"cameras.file={tmp_path / 'mine.yaml'}") == 0
    assert [each.id for each in load_cameras(tmp_path / "mine.yaml")] == ["door"]


def test_a_file_that_everybody_may_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "add", "door", URL) == 0
    (tmp_path / "cameras.yaml").chmod(0o644)
    capsys.readouterr()
    assert run(tmp_path, "list") == 0
    assert "chmod 600" in words(capsys)
