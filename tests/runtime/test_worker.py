"""One worker: what it calls, in which order, and what it passes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.capture_worker import CaptureWorker
from pipeline.runtime.channel import Channel
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.place import Place, place_of
from pipeline.runtime.worker import Admit, Worker, WorkerHook, split_at_ends
from pipeline.runtime.worker_thread import WorkerFailure, WorkerThread
from pipeline.stage import Stage
from pipeline.types import Frame, StreamEnd
from tests.runtime.streams import BrokenLensError, EndlessSource, ListSource, PassStage, frame


class Diary:
    """An overseer that writes down what it hears."""

    def __init__(self) -> None:
        self.failures: list[WorkerFailure] = []
        self.endings: list[str] = []

    def failed(self, failure: WorkerFailure) -> None:
        self.failures.append(failure)

    def ended(self, worker: WorkerThread) -> None:
        self.endings.append(worker.name)


class OwingStage(PassStage):
    """Holds each frame back until the next, or the end, of its camera."""

    def __init__(self) -> None:
        super().__init__("owing")
        self._held: dict[str, Frame] = {}

    def process(self, batch: Sequence[Frame]) -> Sequence[Frame]:
        passed = []
        for item in batch:
            if (held := self._held.pop(item.info.camera, None)) is not None:
                passed.append(held)
            self._held[item.info.camera] = item
        return passed

    def end(self, end: StreamEnd) -> Sequence[Frame]:
        return [self._held.pop(end.camera)]


def run_worker(
    stage: Stage[Frame, Frame], items: Sequence[Frame | StreamEnd], hooks: Sequence[WorkerHook] = ()
) -> tuple[Diary, list[Frame | StreamEnd]]:
    """Run a worker over these items; its overseer, and what it passed on."""
    inbox: Channel[Frame] = Channel(99, Overflow.BLOCK, "in")
    outbox: Channel[Frame] = Channel(99, Overflow.BLOCK, "out")
    for item in items:
        inbox.put(item)
    inbox.close()
    diary = Diary()
    worker = Worker(stage, inbox, outbox, 4, hooks)
    worker.start(diary)
    worker.join()
    return diary, everything(outbox)


def everything(channel: Channel[Frame]) -> list[Frame | StreamEnd]:
    """What a worker left in its outbox, which it must have closed."""
    try:
        return channel.take(99, timeout_s=0.0)
    except ChannelClosed:
        return []


@given(st.lists(st.integers(0, 3) | st.builds(StreamEnd, st.sampled_from("ab"), st.just(0)), max_size=12))
def test_splitting_keeps_order_and_makes_no_empty_run(batch: list[int | StreamEnd]) -> None:
    parts = list(split_at_ends(batch))
    flat = [item for part in parts for item in ([part] if isinstance(part, StreamEnd) else part)]
    assert flat == batch
    assert [] not in parts
    assert not any(isinstance(a, list) and isinstance(b, list) for a, b in pairwise(parts))


def test_what_a_camera_is_owed_comes_before_its_end() -> None:
    frames = [frame("a", 0), frame("b", 0), frame("a", 1), frame("b", 1)]
    ends = [StreamEnd("a", 2), StreamEnd("b", 2)]
    diary, passed = run_worker(OwingStage(), [frames[0], frames[1], frames[2], ends[0], frames[3], ends[1]])
    assert passed == [frames[0], frames[2], ends[0], frames[1], frames[3], ends[1]]
    assert diary.failures == []
    assert diary.endings == ["owing"]


def test_hooks_hear_of_opening_batches_and_ends() -> None:
    heard: list[tuple[str, int]] = []

    class Listener(WorkerHook):
        def after_open(self, worker: str, seconds: float) -> None:
            heard.append((f"open {worker}", 0))

        def after_batch(
            self, worker: str, batch: Sequence[object], results: Sequence[object], seconds: float
        ) -> None:
            assert seconds >= 0.0
            assert list(results) == list(batch)
            heard.append((f"batch {worker}", len(batch)))

        def after_end(self, worker: str, end: StreamEnd) -> None:
            heard.append((f"end {worker} {end.camera}", end.frames))

    frames = [frame("a", index) for index in range(5)]
    run_worker(PassStage("pass"), [*frames, StreamEnd("a", 5)], [Listener()])
    assert heard == [("open pass", 0), ("batch pass", 4), ("batch pass", 1), ("end pass a", 5)]


def test_a_failing_stage_is_reported_with_its_place_closed_and_passes_nothing_more() -> None:
    def fail(item: Frame) -> None:
        if item.info.index == 4:
            raise RuntimeError("broken")

    stage = PassStage("weak", fail)
    diary, passed = run_worker(stage, [frame("a", index) for index in range(9)])
    [failure] = diary.failures
    assert (failure.worker, failure.place, str(failure.error)) == ("weak", Place("a", 4), "broken")
    assert len(passed) == 4
    assert stage.calls == ["open", "close"]


def test_a_stage_that_learns_of_a_stop_while_it_waits_is_no_failure() -> None:
    def stopped(_: Frame) -> None:
        raise ChannelClosed("feedback")

    stage = PassStage("gate", stopped)
    diary, passed = run_worker(stage, [frame("a", 0)])
    assert diary.failures == []
    assert diary.endings == ["gate"]
    assert passed == []
    assert stage.calls == ["open", "close"]


def capture(
    source: ListSource, admit: Admit | None = None
) -> tuple[Diary, list[Frame | StreamEnd], CaptureWorker]:
    """Run a capture worker to its end."""
    fan_in: FanIn[Frame] = FanIn(99, Overflow.DROP_OLDEST, "frames")
    worker, diary = CaptureWorker(source, fan_in.add(source.camera), admit), Diary()
    if isinstance(source, EndlessSource):
        worker.stop()
    worker.start(diary)
    worker.join()
    assert source.closed.is_set()
    return diary, fan_in.take(99, timeout_s=0.0), worker


def test_a_source_gives_its_frames_and_its_end() -> None:
    _, given_frames, worker = capture(ListSource("a", 3))
    assert given_frames[3:] == [StreamEnd("a", 3)]
    assert worker.problem is None


def test_a_source_that_breaks_off_says_why_in_its_end() -> None:
    diary, given_frames, worker = capture(ListSource("a", 2, BrokenLensError("the lens broke; clean it")))
    assert given_frames[2:] == [StreamEnd("a", 2, "the lens broke; clean it")]
    assert isinstance(worker.problem, BrokenLensError)
    assert diary.failures == []


def test_a_source_asked_to_stop_ends_after_the_frame_it_reads() -> None:
    _, given_frames, _ = capture(EndlessSource("a"))
    assert given_frames[1:] == [StreamEnd("a", 1)]


class FlappingSource(ListSource):
    """A camera that is away for a while after each of its frames."""

    def frames(self) -> Iterator[Frame | StreamEnd]:
        for item in super().frames():
            yield item
            yield StreamEnd(self.camera, 1, "no answer", pause=True)


def test_a_pause_passes_in_its_place() -> None:
    _, given_items, worker = capture(FlappingSource("a", 2))
    ends = [item for item in given_items if isinstance(item, StreamEnd)]
    assert [place_of(item).frame_index for item in given_items] == [0, None, 1, None]
    assert ends == [
        StreamEnd("a", 1, "no answer", pause=True),
        StreamEnd("a", 2),
    ]  # the last pause is one with the end
    assert (worker.given, worker.skipped) == (2, 0)


def test_frames_that_are_not_admitted_go_no_further_and_are_counted() -> None:
    _, (*frames, end), worker = capture(ListSource("a", 7), lambda info: info.index % 3 == 0)
    assert [place_of(item).frame_index for item in frames] == [0, 3, 6]
    assert end == StreamEnd("a", 7)
    assert (worker.given, worker.skipped) == (3, 4)


def test_a_bug_in_a_source_is_reported_with_the_last_frame() -> None:
    diary, _, _ = capture(ListSource("a", 2, KeyError("pts")))
    [failure] = diary.failures
    assert (failure.worker, failure.place) == ("capture", Place("a", 1))
