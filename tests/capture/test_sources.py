"""What `Source` promises, held against every source there is."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.capture.file import FileSource
from pipeline.capture.source import Source
from pipeline.capture.synthetic import Actor, SyntheticScene, SyntheticSource
from pipeline.errors import BrokenRecordingError, SourceError
from pipeline.types import Frame
from tests.capture.films import FILMS, FRAMES, HEIGHT, MP4, RATE, WIDTH, Film, indices

Make = Callable[[], Source]


def _file(film: Film) -> Callable[[Path], Make]:
    def prepare(folder: Path) -> Make:
        path = film.make(folder)
        return lambda: FileSource(path, "door")

    return prepare


def _synthetic(folder: Path) -> Make:
    walker = Actor((250, 120, 0), (0, 10, 8, 30), velocity_px_s=(RATE, 0))
    scene = SyntheticScene((walker,), FRAMES, RATE, WIDTH, HEIGHT)
    return lambda: SyntheticSource(scene, "door")


@pytest.fixture(
    scope="module", params=[_synthetic, *map(_file, FILMS)], ids=["synthetic", *(film.name for film in FILMS)]
)
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes the same source again and again: 30 frames of 64x48 at 25 a second."""
    prepare: Callable[[Path], Make] = request.param
    return prepare(tmp_path_factory.mktemp("films"))


def opened(make: Make) -> Source:
    source = make()
    source.open()
    return source


def test_open_tells_what_the_frames_will_be(make: Make) -> None:
    source = make()
    info = source.open()
    first = next(iter(source.frames()))
    assert (info.width, info.height) == (first.info.width, first.info.height) == (WIDTH, HEIGHT)
    assert info.rate_from_header_hz == pytest.approx(RATE, rel=0.01)
    assert re.fullmatch("[0-9a-f]{12}", info.recording_id)
    assert info.started_at == datetime(1970, 1, 1, tzinfo=UTC) == first.info.at
    assert info.codec != ""
    assert info.container != ""
    source.close()


def test_every_frame_comes_once_and_in_order(make: Make) -> None:
    frames = list(opened(make).frames())
    assert [frame.info.index for frame in frames] == list(range(FRAMES))
    # GIF counts hundredths of a second, Matroska thousandths.
    expected = [index / RATE for index in range(FRAMES)]
    np.testing.assert_allclose([frame.info.pts_s for frame in frames], expected, atol=0.006)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert all(frame.info.at == start + timedelta(seconds=frame.info.pts_s) for frame in frames)
    assert {frame.info.camera for frame in frames} == {"door"}


def test_pixels_are_rgb_of_the_frame(make: Make) -> None:
    for frame in opened(make).frames():
        pixels = frame.pixels.to_host()
        assert pixels.shape == (frame.info.height, frame.info.width, 3) == frame.pixels.shape
        assert pixels.dtype == np.uint8
        assert frame.pixels.to_host() is pixels


def test_the_same_source_gives_the_same_frames(make: Make) -> None:
    def everything() -> list[tuple[object, bytes]]:
        return [
            (replace(frame.info, captured_ns=0), frame.pixels.to_host().tobytes())
            for frame in opened(make).frames()
        ]

    assert everything() == everything()


def test_pixels_outlive_the_source(make: Make) -> None:
    source = opened(make)
    frames = list(source.frames())
    source.close()
    shown = [frame.pixels.to_host() for frame in frames]
    assert len({picture.tobytes() for picture in shown}) > FRAMES // 2


def test_close_ends_the_frames_from_within(make: Make) -> None:
    source = opened(make)
    seen = 0
    for _ in source.frames():
        seen += 1
        if seen == 3:
            source.close()
    assert seen == 3


def test_close_may_come_from_any_thread_and_more_than_once(make: Make) -> None:
    source = opened(make)
    running = source.frames()
    first = next(running)
    closers = [threading.Thread(target=source.close) for _ in range(4)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(timeout=10)
    assert not any(closer.is_alive() for closer in closers)
    assert list(running) == []
    assert first.pixels.to_host().shape == (HEIGHT, WIDTH, 3)


def test_close_races_with_decoding(make: Make) -> None:
    source = opened(make)
    started = threading.Event()
    taken: list[Frame] = []

    def consume() -> None:
        for frame in source.frames():
            taken.append(frame)
            started.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert started.wait(10)
    source.close()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert [frame.info.index for frame in taken] == list(range(len(taken)))


def test_close_before_open_and_before_frames(make: Make) -> None:
    make().close()
    source = opened(make)
    source.close()
    assert list(source.frames()) == []


def waiting_sources(folder: Path) -> Iterator[Source]:
    """Sources whose second frame is due in an hour."""
    slow = Film("slow.mkv", "ffv1", "gray").make(folder, times=lambda index: index * RATE * 3600)
    yield FileSource(slow, "door", realtime=True)
    yield SyntheticSource(SyntheticScene(rate_hz=1 / 3600), "door", realtime=True)


@pytest.mark.parametrize("which", [0, 1], ids=["file", "synthetic"])
def test_close_ends_a_wait_for_a_frame_that_is_not_due(which: int, tmp_path: Path) -> None:
    source = list(waiting_sources(tmp_path))[which]
    source.open()
    got_first = threading.Event()
    taken: list[Frame] = []

    def consume() -> None:
        for frame in source.frames():
            taken.append(frame)
            got_first.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert got_first.wait(10)
    source.close()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(taken) == 1


@pytest.mark.parametrize("which", ["file", "synthetic"])
def test_a_recording_that_breaks_gives_all_before_it(which: str, tmp_path: Path) -> None:
    source: Source = SyntheticSource(SyntheticScene(frames=30), "door", breaks_after=12)
    if which == "file":
        path = MP4.make(tmp_path)
        path.write_bytes(path.read_bytes()[:-400])
        source = FileSource(path, "door")
    source.open()
    taken: list[Frame] = []
    with pytest.raises(BrokenRecordingError) as broken:
        taken.extend(source.frames())
    last = taken[-1].info
    assert 1 < len(taken) < FRAMES
    assert f"after frame {last.index} at {last.pts_s:.2f} s" in str(broken.value)
    assert "\n" not in str(broken.value)
    assert broken.value.exit_code == 3
    if which == "file":
        assert str(source.path) in str(broken.value)  # type: ignore[attr-defined]
        assert indices(taken) == list(range(len(taken)))


@pytest.mark.parametrize("which", ["file", "synthetic"])
def test_a_source_that_cannot_be_opened_says_so_in_one_line(which: str, tmp_path: Path) -> None:
    source: Source = SyntheticSource(SyntheticScene(), "door", refuses=True)
    if which == "file":
        source = FileSource(tmp_path / "missing.mp4", "door")
    with pytest.raises(SourceError) as refused:
        source.open()
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2
    source.close()
