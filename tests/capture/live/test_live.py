"""LiveSource over connections that a test makes: outages, times, rotation, files played as cameras."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.capture.container import open_container, video_stream
from pipeline.capture.live.connection import Connection
from pipeline.capture.live.live import LiveSource
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.open_source import open_source
from pipeline.capture.live.port import Port
from pipeline.capture.live.source_health import State
from pipeline.capture.live.stream_lost import StreamLostError
from pipeline.clock import ManualClock, SystemClock
from pipeline.types import Frame, StreamEnd
from tests.capture.films import FRAMES, HEIGHT, MP4, QUARTERS, RATE, WIDTH, Film, corners, quarters

Call = Callable[[], Connection]


def plays(path: Path) -> Call:
    """A camera that sends a film and hangs up."""

    def call() -> Connection:
        container = open_container(path)
        return Connection(container, video_stream(container, path), paced=False, loops=False)

    return call


def away() -> Connection:
    raise StreamLostError("nobody listens")


def broken() -> Connection:
    raise RuntimeError("rtsp://ann:secret@cam")


class Calls:
    """What comes of one call after the other; the last for ever."""

    def __init__(self, *calls: Call) -> None:
        self._calls = list(calls)
        self.made = 0

    def __call__(self) -> Connection:
        self.made += 1
        return (self._calls.pop(0) if len(self._calls) > 1 else self._calls[0])()


def live(calls: Call, clock: ManualClock | None = None, **options: float) -> LiveSource:
    return LiveSource("door", "rtsp://cam", calls, LiveOptions(**options), clock=clock or ManualClock())  # type: ignore[arg-type]


def take(source: LiveSource, ends: int) -> list[Frame | StreamEnd]:
    """What a source gives up to so many ends."""
    given: list[Frame | StreamEnd] = []
    for each in source.frames():
        given.append(each)
        if sum(isinstance(one, StreamEnd) for one in given) == ends:
            source.close()
    return given


def frames_of(given: Sequence[Frame | StreamEnd]) -> list[Frame]:
    return [each for each in given if isinstance(each, Frame)]


def test_one_end_an_outage_and_frames_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline.capture")
    film = plays(MP4.make(tmp_path))
    calls = Calls(away, away, film, away, away, away, film, away)
    source = live(calls)
    given = take(source, ends=2)
    places = [place for place, each in enumerate(given) if isinstance(each, StreamEnd)]
    assert places == [FRAMES, 2 * FRAMES + 1]
    assert given[FRAMES] == StreamEnd("door", FRAMES, "the camera ended the stream", pause=True)
    infos = [frame.info for frame in frames_of(given)]
    assert [info.index for info in infos] == list(range(2 * FRAMES))
    pts_s = [info.pts_s for info in infos]
    assert pts_s == sorted(pts_s)
    # Two seconds between two calls of a camera that gave pictures, then half of 0.5, 1 and 2 s at least.
    assert pts_s[FRAMES] - pts_s[FRAMES - 1] >= 2.0 + 0.5
    said = [record.getMessage() for record in caplog.records]
    assert ["pictures come" in line or "trying again" in line for line in said] == [True] * len(said)
    assert len(said) == 5
    health = source.health()
    assert (health.state, health.frames, health.reconnects) == (State.CLOSED, 2 * FRAMES, 2)


def test_a_fault_of_ours_is_an_outage_and_shows_no_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = live(Calls(broken, plays(MP4.make(tmp_path)), away))
    assert len(frames_of(take(source, ends=1))) == FRAMES
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_it_is_parked_and_still_tried() -> None:
    clock, calls = ManualClock(), Calls(away)
    source = live(calls, clock, park_after_s=60.0, max_backoff_s=30.0)
    watcher = threading.Thread(target=lambda: take(source, ends=1))
    watcher.start()
    pause = threading.Event()
    while calls.made < 100:
        assert not pause.wait(0.001)
    health = source.health()
    source.close()
    watcher.join()
    assert health.state is State.PARKED
    assert health.problem == "nobody listens"
    # After the first few, half a minute apart at most, a quarter at least.
    assert clock.monotonic_s() / 30 < calls.made < clock.monotonic_s() / 15 + 8


class Door(Port):
    """A port that opens when the clock says so."""

    def __init__(self, clock: ManualClock, opens_s: float) -> None:
        super().__init__("cam", 554)
        self._clock, self._opens_s = clock, opens_s

    def is_open(self) -> bool:
        return self._clock.monotonic_s() >= self._opens_s


@pytest.mark.parametrize("opens_s", [3.3, 100.0, 900.5])
def test_a_port_that_opens_is_called_within_a_second(opens_s: float, tmp_path: Path) -> None:
    clock = ManualClock()
    film = plays(MP4.make(tmp_path))
    source = LiveSource(
        "door",
        "rtsp://cam",
        lambda: film() if clock.monotonic_s() >= opens_s else away(),
        LiveOptions(max_backoff_s=300.0),
        port=Door(clock, opens_s),
        clock=clock,
    )
    first = frames_of(take(source, ends=1))[0]
    assert opens_s <= first.info.pts_s <= opens_s + 1.0


class SetClock(ManualClock):
    """A clock whose wall time somebody sets."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 1, 1, tzinfo=UTC))
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_a_wall_clock_that_is_set_changes_at_and_not_pts(tmp_path: Path) -> None:
    clock = SetClock()
    source = live(plays(MP4.make(tmp_path)), clock)
    infos = []
    for each in source.frames():
        if isinstance(each, Frame):
            infos.append(each.info)
            if len(infos) == FRAMES:
                clock.ahead = -timedelta(days=1)
            if len(infos) == 2 * FRAMES:
                source.close()
    before, after = infos[FRAMES - 1], infos[FRAMES]
    assert after.pts_s > before.pts_s
    assert before.at - after.at == pytest.approx(
        timedelta(days=1) - timedelta(seconds=after.pts_s - before.pts_s), abs=timedelta(seconds=1)
    )
    assert before.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("rotate", "shown"), [(0, (0, 1, 2, 3)), (90, (2, 0, 3, 1)), (180, (3, 2, 1, 0)), (270, (1, 3, 0, 2))]
)
def test_pictures_are_turned_clockwise(rotate: int, shown: Sequence[int], tmp_path: Path) -> None:
    path = MP4.make(tmp_path, [quarters()] * 3)
    frame = frames_of(take(live(Calls(plays(path), away), rotate=rotate), ends=1))[0]
    assert (frame.info.width, frame.info.height) == (
        (WIDTH, HEIGHT) if rotate % 180 == 0 else (HEIGHT, WIDTH)
    )
    assert corners(frame.pixels.to_host()) == [QUARTERS[place] for place in shown]


def test_what_a_file_says_of_its_turn_comes_first(tmp_path: Path) -> None:
    path = Film("film.mp4", rotation=90).make(tmp_path, [quarters()] * 3)
    stored = frames_of(take(live(Calls(plays(path), away)), ends=1))[0]
    turned = frames_of(take(live(Calls(plays(path), away), rotate=90), ends=1))[0]
    assert corners(stored.pixels.to_host()) == [QUARTERS[place] for place in (1, 3, 0, 2)]
    assert corners(turned.pixels.to_host()) == list(QUARTERS)


@pytest.mark.parametrize(
    "options",
    [{"transport": "tpc"}, {"rotate": 45}, {"read_timeout_s": 0.0}, {"max_backoff_s": -1.0}],
)
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        LiveOptions(**options)  # type: ignore[arg-type]


# Files


class HastyClock(SystemClock):
    """Five seconds pass in one."""

    def monotonic_s(self) -> float:
        return 5.0 * super().monotonic_s()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return super().wait(event, timeout_s / 5.0)


@pytest.mark.parametrize("film", [MP4, Film("film.mkv"), Film("film.gif", "gif", "gray", codec_options={})])
def test_a_file_is_played_over_and_over_in_real_time(film: Film, tmp_path: Path) -> None:
    source = open_source(str(film.make(tmp_path)), "door", clock=HastyClock())
    infos = []
    for each in source.frames():
        assert isinstance(each, Frame)
        infos.append(each.info)
        if len(infos) == 3 * FRAMES:
            source.close()
    assert [info.index for info in infos] == list(range(3 * FRAMES))
    assert infos[-1].pts_s - infos[0].pts_s == pytest.approx((3 * FRAMES - 1) / RATE, abs=0.5)
    assert all(after.pts_s >= before.pts_s for before, after in pairwise(infos))
    health = source.health()
    assert (health.skipped, health.reconnects, health.problem) == (0, 0, None)


def test_a_file_that_goes_away_is_an_outage(tmp_path: Path) -> None:
    path = MP4.make(tmp_path)
    source = open_source(str(path), "door", clock=HastyClock())
    given = frames_until_end(source, path.unlink)
    assert given.problem == "no such file; check the path"
    assert given.pause


def frames_until_end(source: LiveSource, after_first: Callable[[], None]) -> StreamEnd:
    """The first StreamEnd; something is done after the first frame."""
    for place, each in enumerate(source.frames()):
        if isinstance(each, StreamEnd):
            source.close()
            return each
        if place == 0:
            after_first()
    raise AssertionError("frames ended without an end")


# Devices


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("/dev/null", "/dev/null is not a camera"),
        ("/dev/video251", "there is no /dev/video251; is the camera plugged in?"),
    ],
)
def test_a_device_that_is_no_camera_is_waited_for(device: str, says: str) -> None:
    source = open_source(device, "door", clock=ManualClock())
    watcher = threading.Thread(target=lambda: list(source.frames()))
    watcher.start()
    pause = threading.Event()
    while (problem := source.health().problem) is None:
        assert not pause.wait(0.001)
    assert source.health().state in (State.WAITING, State.PARKED)
    source.close()
    watcher.join()
    assert problem.startswith(says)


# Ending


def test_close_before_frames_and_twice(tmp_path: Path) -> None:
    source = open_source(str(MP4.make(tmp_path)), "door")
    source.close()
    source.close()
    assert list(source.frames()) == []
    assert source.health().state is State.CLOSED


def test_who_stops_looking_leaves_no_thread(tmp_path: Path) -> None:
    frames: Iterator[Frame | StreamEnd] = open_source(str(MP4.make(tmp_path)), "door").frames()
    assert isinstance(next(frames), Frame)
    frames.close()  # type: ignore[attr-defined]
    assert not any(thread.name == "capture door" for thread in threading.enumerate())


def test_after_a_bug_it_is_read_again_and_counts_on(tmp_path: Path) -> None:
    source = live(Calls(plays(MP4.make(tmp_path)), plays(MP4.make(tmp_path)), away))
    first = [each for _, each in zip(range(3), source.frames(), strict=False)]
    gc.collect()  # what looked at it is gone, as after an exception
    assert source.health().state is State.WAITING
    again = frames_of(take(source, ends=1))
    assert source.health().reconnects == 1
    indices = [frame.info.index for frame in (*frames_of(first), *again)]
    assert indices == list(range(len(indices)))
    assert len(again) == FRAMES
    pts_s = [frame.info.pts_s for frame in (*frames_of(first), *again)]
    assert pts_s == sorted(pts_s)
    assert list(source.frames()) == []  # closed for good
