"""What may be written for a live camera, and that its password shows nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.capture.live.address import Kind, parse_address
from pipeline.capture.live.open_source import open_source
from pipeline.errors import SourceError
from tests.capture.films import MP4


def refusal(text: str) -> str:
    """The one line that an address is refused with."""
    with pytest.raises(SourceError) as refused:
        open_source(text, "door")
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "kind", "url", "shown", "host", "port"),
    [
        ("rtsp://cam/1", Kind.RTSP, "rtsp://cam:554/1", "rtsp://cam/1", "cam", 554),
        ("RTSP://cam", Kind.RTSP, "rtsp://cam:554", "RTSP://cam", "cam", 554),
        ("rtsps://cam/1", Kind.RTSP, "rtsps://cam:322/1", "rtsps://cam/1", "cam", 322),
        ("http://cam:8080/v?u=1", Kind.HTTP, "http://cam:8080/v?u=1", "http://cam:8080/v?*****", "cam", 8080),
        ("https://cam/a b#c", Kind.HTTP, "https://cam:443/a%20b", "https://cam/a b#c", "cam", 443),
        ("rtsp://[fe80::1]:5/1", Kind.RTSP, "rtsp://[fe80::1]:5/1", "rtsp://[fe80::1]:5/1", "fe80::1", 5),
        ("rtsp://ann@cam/1", Kind.RTSP, "rtsp://ann@cam:554/1", "rtsp://*****@cam/1", "cam", 554),
        ("rtsp://ann:p@cam/1", Kind.RTSP, "rtsp://ann:p@cam:554/1", "rtsp://*****@cam/1", "cam", 554),
        ("rtsp://a:p@ss w@cam", Kind.RTSP, "rtsp://a:p%40ss%20w@cam:554", "rtsp://*****@cam", "cam", 554),
        ("rtsp://a:p%2Fq:%z@cam", Kind.RTSP, "rtsp://a:p%2Fq%3A%25z@cam:554", "rtsp://*****@cam", "cam", 554),
        ("usb:3", Kind.DEVICE, "/dev/video3", "/dev/video3", None, None),
        ("/dev/video77", Kind.DEVICE, "/dev/video77", "/dev/video77", None, None),
        (" /dev/null ", Kind.DEVICE, "/dev/null", "/dev/null", None, None),
    ],
)
def test_what_addresses_mean(
    text: str, kind: Kind, url: str, shown: str, host: str | None, port: int | None
) -> None:
    address = parse_address(text)
    assert (address.kind, address.url, address.shown) == (kind, url, shown)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be one line of visible characters; write rtsp://"),
        ("rtsp://cam/\n1", "must be one line of visible characters"),
        ("rtmp://cam/1", "'rtmp' is no kind of camera; write rtsp://"),
        ("file:///film.mp4", "'file' is no kind of camera"),
        ("rtsp://", "names no host or a wrong port"),
        ("rtsp:///1", "names no host"),
        ("rtsp://cam:port/1", "names no host or a wrong port"),
        ("rtsp://cam:99999/1", "names no host or a wrong port"),
        ("rtsp://ann:pw@/1", "names no host"),
        ("http://[::1/1", "names no host"),
        ("/dev", "is a folder"),
        ("/dev/..", "is a folder"),
        ("nothing.mp4", "no such file"),
        ("usb:x", "'usb' is no kind of camera"),
        (".", "is a folder"),
    ],
)
def test_what_can_never_work_is_refused_at_once(text: str, says: str) -> None:
    assert says in refusal(text)


def test_a_device_that_is_a_file_is_refused(tmp_path: Path) -> None:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("nothing may be written below /dev here")
    path = Path("/dev/shm") / f"facestream-{tmp_path.name}-{os.getpid()}"
    path.write_bytes(b"x")
    try:
        assert "is a file, not a camera; write /dev/video0" in refusal(str(path))
    finally:
        path.unlink()


def test_a_file_that_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MP4.make(tmp_path).rename(tmp_path / "rtsp:1.mp4")
    monkeypatch.chdir(tmp_path)
    assert parse_address("rtsp:1.mp4").kind is Kind.FILE


def test_a_slash_in_a_password_is_explained_and_not_shown() -> None:
    message = refusal("rtsp://ann:se/cret@cam/1")
    assert "write them %2F, %3F and %23" in message
    assert "se/cret" not in message
    assert "ann" not in message


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1))
def test_any_password_is_passed_on_whole_and_never_shown(password: str) -> None:
    typed = quote(password, safe="")
    address = parse_address(f"rtsp://ann:{typed}@10.0.0.5/live")
    assert unquote(urlsplit(address.url).password or "") == password
    assert address.shown == "rtsp://*****@10.0.0.5/live"
    assert repr(address).count("url") == 0


@given(st.text(st.sampled_from("a@:%/?#[] \\")))
def test_what_cannot_be_read_shows_no_password_either(junk: str) -> None:
    try:
        shown = parse_address(f"rtsp://ann:hidden{junk}@10.0.0.5/live").shown
    except SourceError as error:
        shown = str(error)
    assert "hidden" not in shown
    assert "ann" not in shown
