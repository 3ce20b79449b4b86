"""FileSource: ranges, times, and pictures of every kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.capture.file import FileSource
from pipeline.clock import ManualClock
from pipeline.errors import SourceError
from tests.capture.films import (
    FRAMES,
    HEIGHT,
    MP4,
    QUARTERS,
    RATE,
    WIDTH,
    Film,
    corners,
    grey_frame,
    indices,
    quarters,
    read_all,
)

LONG = Film("long.mp4", codec_options={"g": "50", "crf": "4"})


def long_recording(folder: Path, film: Film = LONG, seconds: int = 30) -> Path:
    """A recording of so many seconds whose grey level is the second."""
    return film.make(folder, [grey_frame(index // RATE) for index in range(seconds * RATE)])


# Ranges


@pytest.mark.parametrize("start_s", [0.0, 0.4, 0.41])
def test_start_and_end_are_exact(start_s: float, tmp_path: Path) -> None:
    frames = read_all(FileSource(MP4.make(tmp_path), "door", start_s=start_s, end_s=0.8))
    first = {0.0: 0, 0.4: 10, 0.41: 11}[start_s]
    assert indices(frames) == list(range(first, 20))
    assert [frame.info.index for frame in frames] == list(range(20 - first))
    assert frames[0].info.pts_s == pytest.approx(first / RATE)


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.ts", "long.avi", "long.mpg"])
def test_a_late_start_is_found_by_seeking(name: str, tmp_path: Path) -> None:
    film = Film(name, "mpeg2video" if name.endswith("mpg") else "libx264", codec_options={"g": "50"})
    path = long_recording(tmp_path, film)
    sought = read_all(FileSource(path, "door", start_s=20.0, end_s=22.0))
    assert indices(sought) == [20] * RATE + [21] * RATE
    whole = [
        frame.info.pts_s for frame in read_all(FileSource(path, "door")) if 20.0 <= frame.info.pts_s < 22.0
    ]
    assert [frame.info.pts_s for frame in sought] == pytest.approx(whole)


def test_a_late_start_without_timestamps_is_decoded_to(tmp_path: Path) -> None:
    path = long_recording(tmp_path, Film("long.h264", container="h264"), seconds=13)
    frames = read_all(FileSource(path, "door", start_s=11.0))
    assert indices(frames) == [11] * RATE + [12] * RATE


@pytest.mark.parametrize(
    ("start_s", "end_s", "says"),
    [
        (99.0, None, "no frame at 99 s or later"),
        (1e30, None, r"no frame at 1e\+30 s or later"),
        (-1.0, None, "must not be negative"),
        (math.nan, None, "the start must be a number of seconds"),
        (math.inf, None, "the start must be a number of seconds"),
        (None, math.nan, "the end must be a number of seconds"),
        (2.0, 1.0, "the end must come after the start"),
        (1.001, 1.002, "no frame between 1.001 and 1.002 s"),
    ],
)
def test_a_range_without_frames_is_refused(
    start_s: float | None, end_s: float | None, says: str, tmp_path: Path
) -> None:
    source = FileSource(MP4.make(tmp_path), "door", start_s=start_s, end_s=end_s)
    with pytest.raises(SourceError, match=says):
        source.open()


def test_close_ends_a_long_way_to_the_start(tmp_path: Path) -> None:
    path = long_recording(tmp_path, Film("long.h264", container="h264"), seconds=13)
    source = FileSource(path, "door", start_s=11.0)
    source.close()
    with pytest.raises(SourceError, match="was closed before its first frame"):
        source.open()
    assert source.damage.packets == 0


# Times


def test_variable_rate_and_a_start_that_is_not_zero(tmp_path: Path) -> None:
    film = Film("film.mkv", "ffv1", "gray")
    times = [500 + index * index for index in range(FRAMES)]
    path = film.make(tmp_path, times=times.__getitem__, time_base=Fraction(1, 1000))
    frames = read_all(FileSource(path, "door"))
    assert [frame.info.pts_s for frame in frames] == pytest.approx([i * i / 1000 for i in range(FRAMES)])


def test_realtime_holds_frames_until_they_are_due(tmp_path: Path) -> None:
    clock = ManualClock()
    source = FileSource(MP4.make(tmp_path), "door", start_s=0.2, realtime=True, clock=clock)
    source.open()
    given = [(clock.monotonic_s(), frame.info.pts_s) for frame in source.frames()]
    assert [at for at, _ in given] == pytest.approx([pts_s - 0.2 for _, pts_s in given])
    assert given[-1][0] == pytest.approx((FRAMES - 1) / RATE - 0.2)


def test_without_realtime_nothing_waits(tmp_path: Path) -> None:
    clock = ManualClock()
    assert len(read_all(FileSource(MP4.make(tmp_path), "door", clock=clock))) == FRAMES
    assert clock.monotonic_s() == 0.0


# Pictures


@pytest.mark.parametrize(
    ("degrees", "shown"), [(0, (0, 1, 2, 3)), (90, (1, 3, 0, 2)), (180, (3, 2, 1, 0)), (270, (2, 0, 3, 1))]
)
def test_rotation_is_undone(degrees: int, shown: Sequence[int], tmp_path: Path) -> None:
    path = Film("film.mp4", rotation=degrees).make(tmp_path, [quarters()] * 3)
    source = FileSource(path, "door")
    info = source.open()
    frame = next(iter(source.frames()))
    size = (WIDTH, HEIGHT) if degrees % 180 == 0 else (HEIGHT, WIDTH)
    assert (info.width, info.height) == (frame.info.width, frame.info.height) == size
    assert corners(frame.pixels.to_host()) == [QUARTERS[place] for place in shown]
    source.close()


def test_an_old_rotate_tag_turns_too(tmp_path: Path) -> None:
    path = Film("film.mkv", "ffv1", "bgr0", stream_metadata={"rotate": "90"}).make(tmp_path, [quarters()])
    frame = read_all(FileSource(path, "door"))[0]
    assert corners(frame.pixels.to_host()) == [QUARTERS[place] for place in (2, 0, 3, 1)]


@pytest.mark.parametrize(
    "pixels", ["yuv420p10le", "yuv444p", "yuv422p", "gbrp16le", "bgra", "bgr0", "yuva420p", "rgb48le"]
)
def test_pixel_formats_become_rgb(pixels: str, tmp_path: Path) -> None:
    path = Film("film.mkv", "ffv1", pixels).make(tmp_path, [quarters()])
    assert corners(read_all(FileSource(path, "door"))[0].pixels.to_host()) == list(QUARTERS)


@pytest.mark.parametrize("pixels", ["gray", "gray16le", "gray10le"])
def test_grey_becomes_rgb(pixels: str, tmp_path: Path) -> None:
    path = Film("film.mkv", "ffv1", pixels).make(tmp_path, [np.full((48, 64, 3), 100, np.uint8)])
    picture = read_all(FileSource(path, "door"))[0].pixels.to_host()
    np.testing.assert_allclose(picture, 100, atol=2)


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (4096, 2)])
def test_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    pictures = [np.full((height, width, 3), 200, np.uint8)] * 2
    path = Film("film.mkv", "ffv1", "bgr0").make(tmp_path, pictures)
    source = FileSource(path, "door")
    info = source.open()
    assert (info.width, info.height) == size
    assert [frame.pixels.to_host().shape for frame in source.frames()] == [(height, width, 3)] * 2


def test_a_change_of_size_in_mid_stream(tmp_path: Path) -> None:
    film = Film("film.h264", container="h264")
    first = film.make(tmp_path, [quarters(64, 48)] * 3).read_bytes()
    second = film.make(tmp_path, [quarters(96, 32)] * 3).read_bytes()
    path = tmp_path / "both.h264"
    path.write_bytes(first + second)
    frames = read_all(FileSource(path, "door"))
    assert [(frame.info.width, frame.info.height) for frame in frames] == [(64, 48)] * 3 + [(96, 32)] * 3
    assert all(corners(frame.pixels.to_host()) == list(QUARTERS) for frame in frames)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), [("a.png", "png", "rgb24"), ("50%d.jpg", "mjpeg", "yuvj420p")]
)
def test_a_picture_is_a_video_of_one_frame(name: str, codec: str, pixels: str, tmp_path: Path) -> None:
    path = Film(name, codec, pixels, "image2", {}, {"update": "1"}).make(tmp_path, [quarters()])
    frames = read_all(FileSource(path, "door"))
    assert [corners(frame.pixels.to_host()) for frame in frames] == [list(QUARTERS)]


# Names and identity


@pytest.mark.parametrize("name", ["rtsp:1.mp4", "100%03d.mp4", "-i.mp4", "ä b.mp4", "a=b.mp4"])
def test_strange_names_are_files(name: str, tmp_path: Path) -> None:
    path = MP4.make(tmp_path).rename(tmp_path / name)
    assert len(read_all(FileSource(path, "door"))) == FRAMES


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MP4.make(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(read_all(FileSource(Path(MP4.name), "door"))) == FRAMES


def test_the_recording_is_known_by_what_it_holds(tmp_path: Path) -> None:
    path = MP4.make(tmp_path)
    before = FileSource(path, "door").open().recording_id
    moved = path.rename(tmp_path / "other.mp4")
    assert FileSource(moved, "hall").open().recording_id == before
    other = Film("film.mp4", metadata={"title": "another"}).make(tmp_path)
    assert FileSource(other, "door").open().recording_id != before


# Real recordings


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "frames", "rate_hz", "size"),
    [
        ("hamilton_640x360.mp4", 275, 29.97, (640, 360)),
        ("opera_1080p.mp4", 105, 25.0, (1920, 1080)),
        ("corridor_480x270.gif", 41, 12.5, (480, 270)),
        ("face_noface.mov", 169, None, (960, 540)),
    ],
)
def test_real_recordings(
    name: str, frames: int, rate_hz: float | None, size: tuple[int, int], videos: Path
) -> None:
    source = FileSource(videos / name, "door")
    info = source.open()
    assert (info.width, info.height) == size
    if rate_hz is not None:
        assert info.rate_from_header_hz == pytest.approx(rate_hz)
    seen = list(source.frames())
    assert len(seen) == frames
    assert source.damage.packets == 0
    if rate_hz is not None and not name.endswith("gif"):
        assert seen[-1].info.pts_s == pytest.approx((frames - 1) / rate_hz, abs=0.01)


@pytest.mark.data
def test_decoder_threads_do_not_change_a_whole_recording(videos: Path) -> None:
    path = videos / "face_noface.mov"

    def pictures(threads: int) -> list[U8]:
        return [
            frame.pixels.to_host() for frame in read_all(FileSource(path, "door", threads=threads, end_s=1))
        ]

    for one, several in zip(pictures(1), pictures(3), strict=True):
        np.testing.assert_array_equal(one, several)
