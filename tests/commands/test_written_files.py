"""What `replay` writes: refused before the work where it cannot be, never over a recording, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import run_pipeline
from pipeline.commands.output import Tally
from pipeline.commands.written_files import annotated_files, check_summary, write_summary
from pipeline.errors import BadInputError, OutsideError
from pipeline.runtime.measuring.metrics import Metrics
from tests.capture.films import MP4


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return MP4.make(tmp_path)


def test_one_video_a_camera(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert annotated_files(None, ["a"], []) == {}
    assert annotated_files(out, ["a"], []) == {"a": out}
    assert annotated_files(out, ["a", "b"], []) == {
        "a": tmp_path / "out-a.mp4",
        "b": tmp_path / "out-b.mp4",
    }


def test_a_recording_is_never_replaced_under_whatever_name(film: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    linked, same = tmp_path / "linked.mp4", tmp_path / "same.mp4"
    linked.symlink_to(film)
    os.link(film, same)
    for out in (film, linked, same, tmp_path / "sub" / ".." / film.name):
        with pytest.raises(BadInputError, match="would replace"):
            annotated_files(out, ["door"], [film])
        with pytest.raises(BadInputError, match="would replace"):
            check_summary(out, [film])
    with pytest.raises(BadInputError, match=r"of-b\.mp4: would replace"):
        annotated_files(tmp_path / "of.mp4", ["a", "b"], [film, tmp_path / "of-b.mp4"])


@pytest.mark.parametrize(
    ("option", "name", "says"),
    [
        ("--annotate", "out.txt", "a video's name must end in one of .mp4"),
        ("--annotate", "nowhere/out.mp4", "there is no folder"),
        ("--annotate", "film.mp4", "would replace"),
        ("--summary", "nowhere/out.json", "there is no folder"),
        ("--summary", ".", "is a folder"),
        ("--summary", "film.mp4", "would replace"),
    ],
)
def test_replay_refuses_before_anything_is_loaded(
    option: str, name: str, says: str, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = film.read_bytes()
    argv = ["replay", str(film), option, str(tmp_path / name), "--data", str(tmp_path / "data")]
    assert run_pipeline.main(argv) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert film.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_that_may_not_be_written_is_told_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(OutsideError, match="may not be written"):
        annotated_files(tmp_path / "out.mp4", ["a"], [])


def test_a_summary_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_summary(path, Metrics().summary(), Tally())
    assert json.loads(path.read_text())["frames"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    (tmp_path / ".out.json.part").mkdir()  # what a full disk is too: the new one cannot be written
    before = path.read_bytes()
    with pytest.raises(OutsideError, match=r"--summary .*out\.json: cannot be written"):
        write_summary(path, Metrics().summary(), Tally())
    assert path.read_bytes() == before


def test_a_summary_to_a_link_or_a_device_leaves_it_one(tmp_path: Path) -> None:
    link, behind = tmp_path / "link", tmp_path / "behind.json"
    link.symlink_to(behind)
    write_summary(link, Metrics().summary(), Tally())
    assert link.is_symlink()
    assert json.loads(behind.read_text())["events"] == 0
    with pytest.raises(OutsideError, match="No space left on device"):
        write_summary(Path("/dev/full"), Metrics().summary(), Tally())


def test_an_address_is_no_recording_and_its_password_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pipeline.main(["replay", "rtsp://ann:hunter2@cam/1", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("facestream: rtsp://*****@cam/1: is an address; replay reads files")
