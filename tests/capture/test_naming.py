"""What cameras are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.capture.naming import check_name, free_name, name_cameras, name_of_source
from pipeline.errors import SourceError


def names(*arguments: str, existing: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(camera, source) for camera, source in name_cameras(arguments, existing.__contains__)]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/b/lobby.mp4", "lobby"),
        ("lobby.cam.mp4", "lobby.cam"),
        ("/dev/video0", "video0"),
        ("my holiday (1).mp4", "my-holiday-1"),
        ("Tür.mp4", "T-r"),
        ("....mp4", "camera"),
        ("日本.mp4", "camera"),
        ("x" * 200 + ".mp4", "x" * 60),
        ("rtsp://10.0.0.5/stream1", "10.0.0.5-stream1"),
        ("rtsp://ann:se%40cret@cam.example:8554/lobby/main?id=4#x", "cam.example-lobby-main"),
        ("http://[fe80::1]/video", "fe80-1-video"),
        ("rtsp://cam", "cam"),
    ],
)
def test_a_source_without_a_name(source: str, name: str) -> None:
    assert name_of_source(source) == name
    assert check_name(name) == name


def test_credentials_never_become_a_name_or_a_message() -> None:
    for address in (
        "rtsp://ann:secret@cam/x",
        "rtsp://ann:sec@ret@cam/x",
        "rtsp://ann:1/secret@cam/x",
        "rtsp://ann:se/secret?x#@cam/x",
        "rtsp://:secret@cam",
        "rtsp://secret@",
    ):
        assert "secret" not in name_of_source(address)
        assert "ann" not in name_of_source(address)
    with pytest.raises(SourceError) as refused:
        name_of_source("rtsp://ann:secret@[bad/x")
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_names_as_given() -> None:
    assert names("door=a.mp4", "Hall_2.x-1=rtsp://h/?q=1") == [
        ("door", "a.mp4"),
        ("Hall_2.x-1", "rtsp://h/?q=1"),
    ]


def test_clashes_are_numbered_and_given_names_come_first() -> None:
    assert names("a/x.mp4", "b/x.mp4", "x=c.mp4", "d/x.mkv") == [
        ("x-2", "a/x.mp4"),
        ("x-3", "b/x.mp4"),
        ("x", "c.mp4"),
        ("x-4", "d/x.mkv"),
    ]
    assert free_name("x", {"x", "x-2"}) == "x-3"
    assert free_name("x", set()) == "x"


def test_an_equals_sign_in_a_path_or_address() -> None:
    assert names("take=1.mp4", existing=("take=1.mp4",)) == [("take-1", "take=1.mp4")]
    assert names("takes/a=b.mp4") == [("a-b", "takes/a=b.mp4")]
    assert names("rtsp://cam/live?id=1") == [("cam-live", "rtsp://cam/live?id=1")]
    assert names("door=take=1.mp4") == [("door", "take=1.mp4")]


def test_a_file_with_an_equals_sign_is_found_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("take=1.mp4").write_bytes(b"x")
    assert name_cameras(["take=1.mp4"])[0].source == "take=1.mp4"
    assert name_cameras(["take=2.mp4"])[0] == ("take", "2.mp4")


@pytest.mark.parametrize(
    "bad", ["front door=a.mp4", "=a.mp4", "..=a.mp4", "tür=a.mp4", "a:b=x", "x" * 65 + "=a"]
)
def test_a_given_name_with_other_characters_is_refused(bad: str) -> None:
    with pytest.raises(SourceError, match="letters, digits") as refused:
        names(bad)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("bad", ["", "door="])
def test_a_missing_source_is_refused(bad: str) -> None:
    with pytest.raises(SourceError, match="a source is missing"):
        names(bad)


def test_one_name_for_two_cameras_is_refused() -> None:
    with pytest.raises(SourceError, match="two cameras are called 'door'"):
        names("door=a.mp4", "door=b.mp4")
