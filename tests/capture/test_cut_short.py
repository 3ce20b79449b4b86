"""Which files end early by what they say themselves, cut at every byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.capture.cut_short import ends_early
from tests.capture.films import Film, grey_frame

GIF = Film("film.gif", "gif", "gray", codec_options={})


def gif_boundaries(data: bytes) -> set[int]:
    """Lengths at which a GIF ends between two blocks, found by walking it in the plainest way."""
    at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    found = {at}
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        else:
            flags = data[at + 9]
            at += 10 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0) + 1
        while data[at]:
            at += data[at] + 1
        at += 1
        found.add(at)
    return found | {len(data)}


def test_a_gif_may_end_between_its_blocks_and_nowhere_else(tmp_path: Path) -> None:
    data = GIF.make(tmp_path, [grey_frame(index) for index in range(2)]).read_bytes()
    whole = gif_boundaries(data)
    path = tmp_path / "cut.gif"
    for length in range(1, len(data) + 1):
        path.write_bytes(data[:length])
        # what is cut within the colours is taken for an end after them: there is no picture yet either way
        if length >= min(whole):
            assert ends_early(path, "gif") is (length not in whole), length


def test_what_follows_the_end_of_a_gif_is_its_owners_affair(tmp_path: Path) -> None:
    path = GIF.make(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(99))
    assert not ends_early(path, "gif")


@pytest.mark.parametrize("name", ["film.mkv", "film.webm"])
def test_matroska_says_how_long_it_is(name: str, tmp_path: Path) -> None:
    path = Film(name, "libvpx", codec_options={}).make(tmp_path)
    data = path.read_bytes()
    assert not ends_early(path, "matroska")
    for length in (len(data) - 1, len(data) // 2, 100):
        path.write_bytes(data[:length])
        assert ends_early(path, "matroska"), length


def test_a_matroska_that_is_still_being_written_says_nothing(tmp_path: Path) -> None:
    path = Film("live.mkv", container_options={"live": "1"}).make(tmp_path)
    path.write_bytes(path.read_bytes()[:-50])
    assert not ends_early(path, "matroska")


@pytest.mark.parametrize("data", [b"", b"\x00" * 20, b"\x1a\x45\xdf\xa3", b"\xff" * 40])
def test_what_is_no_matroska_says_nothing(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    path.write_bytes(data)
    assert not ends_early(path, "matroska")


def test_other_containers_are_not_looked_into(tmp_path: Path) -> None:
    path = Film("film.ts").make(tmp_path)
    assert not ends_early(path, "mpegts")
