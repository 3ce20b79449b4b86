"""A whole run: cameras' order, drain, stop, failures, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from pipeline.errors import StageError
from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.line import Step
from pipeline.runtime.supervisor import Supervisor
from pipeline.types import Frame
from tests.runtime.streams import (
    JOIN_S,
    BrokenLensError,
    EndlessSource,
    KeepStage,
    ListSource,
    PassStage,
    SilentSource,
    no_threads_left,
)


def make(stages: Sequence[PassStage], *, max_batch: int = 4, ends_with_sources: bool = True) -> Supervisor:
    """A supervisor over short blocking queues."""
    fan_in: FanIn[Frame] = FanIn(4, Overflow.BLOCK, "frames")
    steps = [Step(stage, max_batch, queued=3) for stage in stages]
    return Supervisor(fan_in, steps, ends_with_sources=ends_with_sources)


def test_three_cameras_through_three_stages_keep_each_cameras_order() -> None:
    sink = KeepStage()
    stages = [PassStage("one"), PassStage("two"), sink]
    with no_threads_left(), make(stages) as run:
        run.start([ListSource("a", 50), ListSource("b", 7), ListSource("c", 0)])
        report = run.wait()
    assert report.problems == ()
    assert report.complete
    assert [sink.of(camera) for camera in "abc"] == [list(range(50)), list(range(7)), []]
    assert max(stages[0].sizes) <= 4
    for stage in stages:
        assert stage.calls[0] == "open"
        assert sorted(stage.calls[1:-1]) == ["end a 50 None", "end b 7 None", "end c 0 None"]
        assert stage.calls[-1] == "close"


def test_stages_open_last_first_and_close_first_first() -> None:
    order: list[str] = []

    class Noted(PassStage):
        def open(self) -> None:
            order.append(f"open {self.name}")

        def close(self) -> None:
            order.append(f"close {self.name}")

    with make([Noted("one"), Noted("two"), Noted("three")]) as run:
        run.start([ListSource("a", 3)])
        run.wait()
    assert order == ["open three", "open two", "open one", "close one", "close two", "close three"]


def test_a_failing_stage_stops_everything_and_names_itself_camera_and_frame() -> None:
    def fail_at_5(item: Frame) -> None:
        if item.info.index == 5:
            raise ValueError("no such matrix")

    sources = [EndlessSource("a"), EndlessSource("b")]
    stages = [PassStage("one"), PassStage("two", fail_at_5), KeepStage()]
    with no_threads_left(), make(stages, max_batch=1) as run:
        run.start(sources)
        with pytest.raises(
            StageError, match=r"^stage two failed at [ab], frame 5: ValueError: no such matrix$"
        ):
            run.wait()
    assert [stage.calls[-1] for stage in stages] == ["close"] * 3
    assert all(source.closed.is_set() for source in sources)


def test_a_known_error_in_a_stage_keeps_its_words_and_exit_code() -> None:
    class FileGoneError(BrokenLensError):
        exit_code = 2

    def fail(_: Frame) -> None:
        raise FileGoneError("the model file is gone; run `models`")

    with make([PassStage("detect", fail)]) as run:
        run.start([ListSource("door", 1)])
        with pytest.raises(
            StageError, match=r"door, frame 0: the model file is gone; run `models`$"
        ) as caught:
            run.wait()
    assert caught.value.exit_code == 2
    assert isinstance(caught.value.__cause__, FileGoneError)


def test_a_stage_that_cannot_open_closes_those_behind_it_and_starts_no_source() -> None:
    class Stuck(PassStage):
        def open(self) -> None:
            raise OSError("no device")

    source, last = ListSource("a", 1), KeepStage()
    reason = pytest.raises(StageError, match=r"^stage two could not be opened: OSError: no device$")
    with no_threads_left(), make([PassStage("one"), Stuck("two"), last]) as run, reason:
        run.start([source])
    assert last.calls == ["open", "close"]
    assert not source.closed.is_set()


def test_a_source_that_breaks_off_ends_alone_and_is_reported() -> None:
    sink = KeepStage()
    with make([sink]) as run:
        run.start([ListSource("a", 3, BrokenLensError("a broke")), ListSource("b", 30)])
        report = run.wait()
    assert [(problem.camera, str(problem.error)) for problem in report.problems] == [("a", "a broke")]
    assert report.complete
    assert "end a 3 a broke" in sink.calls
    assert sink.of("b") == list(range(30))


def test_a_bug_in_a_source_is_a_failure() -> None:
    with no_threads_left(), make([KeepStage()]) as run:
        run.start([ListSource("a", 3, KeyError("pts")), EndlessSource("b")])
        with pytest.raises(StageError, match=r"^stage capture failed at a, frame 2: KeyError: 'pts'$"):
            run.wait()


def test_drain_lets_everything_in_flight_through_and_ends_every_camera() -> None:
    sink = KeepStage()
    sources = [EndlessSource("a"), EndlessSource("b")]
    with no_threads_left(), make([PassStage("one"), sink], ends_with_sources=False) as run:
        run.start(sources)
        for source in sources:
            assert source.started.wait(JOIN_S)
        run.drain()
        report = run.wait()
    assert report.complete
    for camera in "ab":
        count = len(sink.of(camera))
        assert sink.of(camera) == list(range(count))
        assert f"end {camera} {count} None" in sink.calls


def test_drain_ends_a_camera_that_has_gone_silent() -> None:
    sink = KeepStage()
    silent = SilentSource("a")
    with no_threads_left(), make([sink]) as run:
        run.start([silent])
        assert silent.silent.wait(JOIN_S)
        run.drain()
        assert run.wait().complete
    assert sink.calls == ["open", "end a 1 None", "close"]


def test_drain_gives_up_after_its_time_when_a_stage_hangs() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hang(_: Frame) -> None:
        entered.set()
        assert go_on.wait(JOIN_S)

    fan_in: FanIn[Frame] = FanIn(4, Overflow.BLOCK, "frames")
    steps = [Step(PassStage("slow", hang), max_batch=1)]
    with Supervisor(fan_in, steps, abortables=[_Opener(go_on)], drain_timeout_s=0.05) as run:
        run.start([EndlessSource("a")])
        assert entered.wait(JOIN_S)
        run.drain()
        assert not run.wait().complete


class _Opener:
    """Lets the hanging stage go when the run is aborted."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def abort(self) -> None:
        self._event.set()


def test_stop_wakes_everyone_who_is_blocked() -> None:
    go_on = threading.Event()
    entered = threading.Event()

    def hang(_: Frame) -> None:
        entered.set()
        assert go_on.wait(JOIN_S)

    with no_threads_left(), make([PassStage("one"), PassStage("slow", hang)], max_batch=1) as run:
        run.start([EndlessSource("a")])
        assert entered.wait(JOIN_S)
        run.stop()
        go_on.set()
        assert not run.wait().complete


def test_cameras_come_and_go_while_running() -> None:
    sink = KeepStage()
    with no_threads_left(), make([sink], ends_with_sources=False) as run:
        run.start([EndlessSource("a")])
        extra = EndlessSource("b")
        run.add(extra)
        with pytest.raises(ValueError, match="'b' is running already"):
            run.add(EndlessSource("b"))
        assert extra.started.wait(JOIN_S)
        run.remove("b")
        run.drain()
        run.wait()
        with pytest.raises(ChannelClosed):
            run.add(EndlessSource("c"))
    assert sum(call.startswith("end b") for call in sink.calls) == 1


def test_two_sources_of_one_name_are_refused_before_anything_starts() -> None:
    stage = PassStage("one")
    with no_threads_left(), make([stage]) as run, pytest.raises(ValueError, match="'a' is running already"):
        run.start([ListSource("a", 1), ListSource("a", 1)])
    assert stage.calls == []


def test_leaving_the_block_early_stops_the_run() -> None:
    with no_threads_left(), make([PassStage("one")]) as run:
        run.start([EndlessSource("a")])
