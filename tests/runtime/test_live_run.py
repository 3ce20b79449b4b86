"""A live run: what fails costs frames and not the run, what cannot go on ends in order, what hangs is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from pipeline.errors import StageError
from pipeline.runtime import capture_worker
from pipeline.runtime.measuring.tally import GONE
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Frame, StreamEnd
from tests.runtime.failing import BuggySource, DeafSource, SteppedSource, TroubledStage
from tests.runtime.live import counts_of, live, until
from tests.runtime.streams import (
    JOIN_S,
    EndlessSource,
    KeepStage,
    ListSource,
    PassStage,
    SilentSource,
    no_threads_left,
)


def waiting(free: threading.Event) -> TroubledStage:
    """A stage that hangs at its first frame, until it is let go."""

    def wait(camera: str, index: int) -> None:
        free.wait(JOIN_S)

    return TroubledStage(wait)


def everywhere(bad: str) -> TroubledStage:
    """A stage at which every frame of this camera fails."""
    return TroubledStage(lambda camera, _: ValueError("odd picture") if camera == bad else None)


class AmongOthers(ListSource):
    """A camera whose first frames each come after others' have passed since the one before was lost.

    On a machine that is busy elsewhere nothing else might pass in between, and the failures would be the stage's.
    """

    def __init__(self, camera: str, count: int, lost: Callable[[], int], passed: Callable[[], int]) -> None:
        super().__init__(camera, count)
        self._lost = lost
        self._passed = passed

    def frames(self) -> Iterator[Frame | StreamEnd]:
        for index, each in enumerate(super().frames()):
            if index < 3:  # from then on it rests, and its frames are lost untried
                self._wait_for(index)
            yield each

    def _wait_for(self, lost: int) -> None:
        until(lambda: self._lost() >= lost)
        before = self._passed()
        until(lambda: self._passed() > before)


def test_a_poisonous_camera_takes_nobody_down_and_its_frames_are_counted() -> None:
    weak, sink = everywhere("x"), KeepStage()
    with no_threads_left(), live(PassStage("first"), weak, sink) as run:
        poison = AmongOthers("x", 60, lambda: run.failures()[1].failures, lambda: len(sink.of("a")))
        run.start([EndlessSource("a"), poison, EndlessSource("b")])
        until(lambda: sum(each.frames for each in counts_of(run, GONE).lost) == 60)
        run.drain()
        assert run.wait().complete
        gone = counts_of(run, GONE)
    assert sink.of("x") == []
    assert [sink.of(camera) for camera in "ab"] == [list(range(len(sink.of(camera)))) for camera in "ab"]
    assert (gone.done, gone.under_way) == (len(sink.kept), 0) == (gone.decoded - 60, 0)
    assert [(each.stage, each.frames) for each in gone.lost] == [("weak", 60)]
    assert {call.split()[1] for call in sink.calls if call.startswith("end")} == {"a", "x", "b"}


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


@pytest.mark.parametrize(("sound_s", "waits_s"), [(0.0, [0.01, 0.01, 0.01]), (60.0, [0.01, 0.02, 0.02])])
def test_a_source_that_worked_for_long_is_read_again_as_fast_as_the_first_time(
    sound_s: float, waits_s: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture_worker, "SOUND_S", sound_s)
    rules = RestartRules(5, 60.0, backoff_s=0.01, max_backoff_s=0.02)
    sink = KeepStage()
    with live(sink, rules=rules) as run:
        run.start([BuggySource("a", [1, 1, 1, 1])])
        until(lambda: "end a 4 None" in sink.calls)
        run.drain()
        run.wait()
    told = [record.args for record in caplog.records if "read again" in record.msg]
    assert [args[-1] for args in told if isinstance(args, tuple)] == waits_s


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
