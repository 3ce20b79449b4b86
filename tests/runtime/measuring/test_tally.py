"""Every frame of every camera is counted, and cameras that left are counted together."""

from __future__ import annotations

import threading

import pytest

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.measuring.tally import GONE
from tests.runtime.failing import SteppedSource, TroubledStage
from tests.runtime.live import counts_of, live, until
from tests.runtime.streams import JOIN_S, ListSource, PassStage, no_threads_left


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
