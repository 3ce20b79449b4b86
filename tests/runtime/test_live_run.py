"""A live run: what fails costs frames and not the run, what cannot go on ends in order, what hangs is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from pipeline.errors import StageError
from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.line import Step
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.supervisor import Supervisor
from pipeline.runtime.tally import GONE, CameraCounts
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Frame, FrameInfo, StreamEnd
from tests.runtime.failing import BuggySource, DeafSource, SteppedSource, TroubledStage
from tests.runtime.streams import (
    JOIN_S,
    EndlessSource,
    KeepStage,
    ListSource,
    PassStage,
    SilentSource,
    no_threads_left,
)

FAST = RestartRules(max_restarts=3, window_s=600.0, backoff_s=0.001, hung_after_s=600.0)


def live(
    *stages: PassStage | TroubledStage,
    rules: RestartRules = FAST,
    admit: Callable[[FrameInfo], bool] | None = None,
    hooks: Sequence[WorkerHook] = (),
    drain_timeout_s: float = JOIN_S,
    overflow: Overflow = Overflow.BLOCK,
) -> Supervisor:
    """A run over short queues that goes on when its cameras are gone."""
    fan_in: FanIn[Frame] = FanIn(2, overflow, "frames")
    return Supervisor(
        fan_in,
        [Step(stage, 4, queued=2) for stage in stages],
        hooks=hooks,
        admit=admit,
        drain_timeout_s=drain_timeout_s,
        ends_with_sources=False,
        restarts=rules,
    )


def until(condition: Callable[[], bool]) -> None:
    """Wait for this to become true."""
    deadline_s = time.monotonic() + JOIN_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        threading.Event().wait(0.001)


def counts_of(run: Supervisor, camera: str) -> CameraCounts:
    """Of this camera."""
    return next(each for each in run.counts() if each.camera == camera)


def waiting(free: threading.Event) -> TroubledStage:
    """A stage that hangs at its first frame, until it is let go."""

    def wait(camera: str, index: int) -> None:
        free.wait(JOIN_S)

    return TroubledStage(wait)


def everywhere(bad: str) -> TroubledStage:
    """A stage at which every frame of this camera fails."""
    return TroubledStage(lambda camera, _: ValueError("odd picture") if camera == bad else None)


def test_a_poisonous_camera_takes_nobody_down_and_its_frames_are_counted() -> None:
    weak, sink = everywhere("x"), KeepStage()
    with no_threads_left(), live(PassStage("first"), weak, sink) as run:
        run.start([ListSource("a", 60), ListSource("x", 60), ListSource("b", 60)])
        until(lambda: counts_of(run, GONE).decoded == 180)
        run.drain()
        assert run.wait().complete
        gone = counts_of(run, GONE)
    assert [len(sink.of(camera)) for camera in "axb"] == [60, 0, 60]
    assert (gone.done, gone.under_way) == (120, 0)
    assert [(each.stage, each.frames) for each in gone.lost] == [("weak", 60)]
    assert {call for call in sink.calls if call.startswith("end")} >= {
        f"end {camera} 60 None" for camera in "axb"
    }


def test_beyond_its_restarts_a_stage_ends_the_run_in_order_with_exit_code_3() -> None:
    class BadModelError(StageError):
        exit_code = 2

    weak = TroubledStage(lambda _, index: BadModelError("it broke") if index >= 5 else None)
    first, sink = PassStage("first"), KeepStage()
    sources = [EndlessSource("a"), EndlessSource("b")]
    with no_threads_left(), live(first, weak, sink) as run:
        run.start(sources)
        with pytest.raises(
            StageError, match=r"^stage weak failed at [ab], frame \d+: it broke, after 3 restarts$"
        ) as caught:
            run.wait()
        [state] = [each for each in run.failures() if each.stage == "weak"]
        assert state.restarts == 3
        assert state.failures >= 4
        assert state.last is not None
        assert "it broke" in state.last
    assert caught.value.exit_code == 3
    # What was behind the stage went through, and every camera got its end.
    for camera in "ab":
        assert sink.of(camera) == list(range(5))
        assert sum(call.startswith(f"end {camera}") for call in sink.calls) == 1
    assert [stage.calls[-1] for stage in (first, weak, sink)] == ["close"] * 3
    for source in sources:
        assert source.closed.wait(JOIN_S)


def test_a_stage_that_hangs_is_noticed_and_in_the_end_given_up() -> None:
    let_go = threading.Event()

    def hang(camera: str, index: int) -> None:
        if (camera, index) == ("a", 3):
            let_go.wait(JOIN_S)

    rules = RestartRules(3, 600.0, hung_after_s=0.1)
    weak, sink = TroubledStage(hang), KeepStage()
    with no_threads_left():
        with live(PassStage("first"), weak, sink, rules=rules) as run:
            run.start([EndlessSource("a")])
            until(lambda: bool(run.stuck(0.0)) and run.stuck(0.0)[0].stage == "weak")
            with pytest.raises(
                StageError, match=r"^stage weak failed at a, frame 3: no answer for "
            ) as caught:
                run.wait()
            assert caught.value.exit_code == 3
            assert sink.of("a") == [0, 1, 2]
            assert sink.calls[-2:] == ["end a 4 stage weak hangs", "close"]
            let_go.set()
        until(lambda: weak.calls[-1] == "close")


def test_drain_waits_for_no_backoff() -> None:
    slow = RestartRules(3, 600.0, backoff_s=600.0, max_backoff_s=600.0)
    weak = TroubledStage(lambda _, index: RuntimeError("gone") if index == 2 else None)
    sink = KeepStage()
    with no_threads_left(), live(weak, sink, rules=slow) as run:
        run.start([EndlessSource("a")])
        until(lambda: "close" in weak.calls)
        run.drain()
        assert run.wait().complete
    assert "open" in weak.calls[1:]
    assert sink.calls[-2].startswith("end a")


def test_stop_ends_a_backoff_at_once() -> None:
    slow = RestartRules(3, 600.0, backoff_s=600.0, max_backoff_s=600.0)
    weak = TroubledStage(lambda *_: RuntimeError("gone"))
    with no_threads_left(), live(weak, KeepStage(), rules=slow) as run:
        run.start([EndlessSource("a")])
        until(lambda: "close" in weak.calls)
        began_s = time.monotonic()
        run.stop()
        assert not run.wait().complete
    assert time.monotonic() - began_s < 1.0
    assert weak.calls == ["open", "close", "close"]


@contextmanager
def let_go(source: DeafSource) -> Iterator[None]:
    """Let a source that hangs come back at the end."""
    try:
        yield
    finally:
        source.let_go()


@pytest.mark.parametrize("deaf_close", [True, False])
def test_a_source_that_hangs_in_a_library_keeps_nobody(deaf_close: bool) -> None:
    deaf, sink = DeafSource("deaf", deaf_close=deaf_close), KeepStage()
    with let_go(deaf):
        with live(sink) as run:
            run.start([deaf, EndlessSource("a")])
            assert deaf.hangs.wait(JOIN_S)
            began_s = time.monotonic()
            run.drain()
            report = run.wait()
        assert time.monotonic() - began_s < 5.0
    assert report.complete
    assert report.left == ("camera deaf",)
    assert "end deaf 1 None" in sink.calls


def test_a_second_signal_stops_within_a_second_whatever_hangs() -> None:
    deaf, free = DeafSource("deaf"), threading.Event()
    stuck = waiting(free)
    with let_go(deaf), no_threads_left():
        with live(stuck, KeepStage()) as run:
            run.start([deaf, EndlessSource("a")])
            until(lambda: bool(run.stuck(0.0)))
            run.drain()
            began_s = time.monotonic()
            run.stop()
            report = run.wait()
            assert time.monotonic() - began_s < 1.0
        assert not report.complete
        assert "stage weak" in report.left
        free.set()
        deaf.let_go()
        until(lambda: all(not thread.name.startswith("facestream") for thread in threading.enumerate()))


def test_what_is_not_drained_in_time_is_dropped_when_a_stage_hangs() -> None:
    free = threading.Event()
    stuck = waiting(free)
    with no_threads_left():
        with live(stuck, KeepStage(), drain_timeout_s=0.05) as run:
            run.start([EndlessSource("a")])
            until(lambda: bool(run.stuck(0.0)))
            run.drain()
            report = run.wait()
            free.set()
        assert not report.complete
        until(lambda: all(not thread.name.startswith("facestream") for thread in threading.enumerate()))


def test_a_bug_in_a_source_pauses_its_camera_alone_and_it_is_read_again() -> None:
    buggy, sink = BuggySource("a", [3, 0, 4]), KeepStage()
    with no_threads_left(), live(sink) as run:
        run.start([buggy, SilentSource("b")])
        until(lambda: "end a 7 None" in sink.calls)
        run.drain()
        report = run.wait()
        bugs = counts_of(run, GONE).bugs
    assert report.problems == ()
    assert sink.of("a") == list(range(7))
    assert [call for call in sink.calls if call.startswith("end a")] == [
        "end a 3 KeyError: 'pts'",
        "end a 3 KeyError: 'pts'",
        "end a 7 None",
    ]
    assert bugs == 2


def test_an_old_source_that_comes_back_cannot_speak_for_the_camera_that_took_its_name() -> None:
    deaf, sink = DeafSource("a"), KeepStage()
    with no_threads_left(), let_go(deaf), live(sink) as run:
        run.start([deaf])
        assert deaf.hangs.wait(JOIN_S)
        run.remove("a")
        until(lambda: "end a 1 None" in sink.calls)
        assert not run.cameras
        new = SteppedSource("a")
        run.add(new)
        assert run.cameras == ("a",)
        deaf.let_go()
        until(lambda: all(thread.name != "facestream-close" for thread in threading.enumerate()))
        new.step(2)
        until(lambda: sink.of("a") == [0, 0, 1])
        run.drain()
        run.wait()
    assert [call for call in sink.calls if call.startswith("end")] == ["end a 1 None", "end a 2 None"]


def test_frames_are_skipped_dropped_lost_or_done() -> None:
    block = threading.Event()

    def trouble(camera: str, index: int) -> Exception | None:
        block.wait(JOIN_S)
        return ValueError("odd") if index == 0 else None

    with (
        no_threads_left(),
        live(
            TroubledStage(trouble), admit=lambda info: info.index % 2 == 0, overflow=Overflow.DROP_OLDEST
        ) as run,
    ):
        run.start([])
        source = SteppedSource("a")
        run.add(source)
        source.step()
        until(lambda: bool(run.stuck(0.0)))
        source.step(9)
        until(lambda: counts_of(run, "a").decoded == 10)
        here = counts_of(run, "a")
        assert (here.skipped, here.dropped[0].count, here.under_way) == (5, 2, 3)
        block.set()
        until(lambda: counts_of(run, "a").under_way == 0)
        here = counts_of(run, "a")
        assert (here.lost[0].frames, here.done) == (1, 2)
        run.remove("a")
        until(lambda: len(run.counts()) == 1)
        gone = counts_of(run, GONE)
        assert (gone.decoded, gone.skipped, gone.dropped[0].count, gone.done) == (10, 5, 2, 2)
        assert run.fan_in.dropped() == {}
        run.drain()
        run.wait()


def test_a_hook_that_fails_costs_no_frame() -> None:
    class Broken(WorkerHook):
        called = 0

        def after_batch(
            self, worker: str, batch: Sequence[object], results: Sequence[object], seconds: float
        ) -> None:
            self.called += 1
            raise ZeroDivisionError("no batch")

    hook, sink = Broken(), KeepStage()
    with live(sink, hooks=[hook]) as run:
        run.start([ListSource("a", 20)])
        until(lambda: "end a 20 None" in sink.calls)
        run.drain()
        run.wait()
    assert sink.of("a") == list(range(20))
    assert hook.called == 1


def test_cameras_come_and_go_ten_thousand_times_and_nothing_grows() -> None:
    sink = PassStage("sink")
    with no_threads_left(), live(sink, overflow=Overflow.DROP_OLDEST) as run:
        run.start([])
        for number in range(10_000):
            run.add(ListSource(f"camera-{number}", 3))
            if number % 2:
                run.remove(f"camera-{number}")
            if number % 100 == 99:
                sink.calls.clear()
                until(lambda: len(run.counts()) == 1)
        until(lambda: run.cameras == ())
        assert len(run.fan_in) == 0
        assert run.fan_in.dropped() == {}
        assert len(run._threads) < 50
        assert len(run._running) == 1
        assert all(not worker._frames for worker in run._line.workers)
        assert counts_of(run, GONE).under_way == 0
        run.drain()
        with pytest.raises(ChannelClosed):
            run.add(ListSource("late", 1))
        assert run.wait().complete


def test_a_pause_goes_through_and_is_no_end() -> None:
    sink = KeepStage()

    class Away(ListSource):
        def frames(self) -> Iterator[Frame | StreamEnd]:
            yield from super().frames()
            yield StreamEnd(self.camera, 2, "no answer", pause=True)
            until(lambda: "end a 2 no answer" in sink.calls)

    with live(sink) as run:
        run.start([Away("a", 2)])
        until(lambda: "end a 2 None" in sink.calls)
        run.drain()
        run.wait()
    assert sink.calls[:3] == ["open", "end a 2 no answer", "end a 2 None"]
