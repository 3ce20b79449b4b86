"""Whatever cameras and stages do: no frame is uncounted, every sighting told of ends, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StageError
from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.line import Step
from pipeline.runtime.measuring.tally import GONE
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.supervisor import Supervisor
from pipeline.stage import StageBase
from pipeline.types import Frame, StreamEnd
from tests.runtime.failing import TroubledStage
from tests.runtime.live import until
from tests.runtime.streams import JOIN_S, ListSource, frame, no_threads_left


@dataclass(frozen=True)
class Camera:
    """What a camera does: `f` a frame, `p` a pause, `b` a bug; and what is done to it."""

    name: str
    script: str
    remove: bool


@dataclass(frozen=True)
class Weakness:
    """What fails in a stage."""

    share: int
    """of 16 frames, so many fail, always the same ones"""
    poisoned: str | None
    """a camera of which all frames fail"""
    ends: list[bool] = field(default_factory=list)
    """which of the first ends fail: a stage is told of an end three times (restarting.END_TRIES)"""

    def trouble(self, camera: str, index: int) -> Exception | None:
        unlucky = (index * 7 + ord(camera)) % 16 < self.share
        return ValueError("odd") if unlucky or camera == self.poisoned else None


class ScriptedSource(ListSource):
    """Plays a camera's script."""

    def __init__(self, camera: Camera) -> None:
        super().__init__(camera.name, 0)
        self._script = camera.script
        self._index = 0

    def frames(self) -> Iterator[Frame | StreamEnd]:
        while self._script and not self.closed.is_set():
            step, self._script = self._script[0], self._script[1:]
            if step == "f":
                yield frame(self.camera, self._index)
                self._index += 1
            elif step == "p":
                yield StreamEnd(self.camera, self._index, "away", pause=True)
            else:
                raise KeyError("bug")


class SightingStage(StageBase[Frame, Frame]):
    """Tells `new` at a camera's first frame and `end` at its end, as a book of sightings does."""

    name = "decide"

    def __init__(self, weakness: Weakness) -> None:
        self.told: list[tuple[str, str]] = []
        self._open: set[str] = set()
        self._weakness = weakness
        self._ends = list(weakness.ends)

    def process(self, batch: Sequence[Frame]) -> Sequence[Frame]:
        for item in batch:
            camera = item.info.camera
            if camera not in self._open:
                self._open.add(camera)
                self.told.append((camera, "new"))
            if (error := self._weakness.trouble(camera, item.info.index)) is not None:
                raise error
        return batch

    def end(self, end: StreamEnd) -> Sequence[Frame]:
        if self._ends and self._ends.pop(0):
            raise ValueError("book")
        if end.camera in self._open:
            self._open.discard(end.camera)
            self.told.append((end.camera, "end"))
        return ()


SCRIPTS = st.text("fffffpb", max_size=25)
CAMERAS = st.lists(
    st.builds(Camera, st.sampled_from("abcd"), SCRIPTS, st.booleans()),
    min_size=1,
    max_size=4,
    unique_by=lambda camera: camera.name,
)
WEAKNESSES = st.builds(
    Weakness, st.sampled_from([0, 0, 1, 4]), st.sampled_from([None, "a"]), st.lists(st.booleans(), max_size=2)
)


@settings(max_examples=200, deadline=None)
@given(
    cameras=CAMERAS,
    first=WEAKNESSES,
    second=WEAKNESSES,
    live=st.booleans(),
    max_restarts=st.sampled_from([2, 1000]),
)
def test_every_frame_is_counted_and_every_sighting_ends(
    cameras: list[Camera], first: Weakness, second: Weakness, live: bool, max_restarts: int
) -> None:
    decide = SightingStage(second)
    stages: list[TroubledStage | SightingStage] = [
        TroubledStage(first.trouble, together=True, name="detect"),
        TroubledStage(lambda *_: None, name="track"),
        decide,
        TroubledStage(lambda *_: None, name="publish"),
    ]
    fan_in: FanIn[Frame] = FanIn(1 if live else 4, Overflow.DROP_OLDEST if live else Overflow.BLOCK, "frames")
    rules = RestartRules(max_restarts, 600.0, backoff_s=0.0)
    with (
        no_threads_left(),
        Supervisor(
            fan_in,
            [Step(stage, 3, queued=2) for stage in stages],
            admit=lambda info: info.index % 5 != 4,
            drain_timeout_s=JOIN_S,
            ends_with_sources=False,
            restarts=rules,
        ) as run,
    ):
        run.start([])
        for camera in cameras:
            with suppress(ChannelClosed):  # the run may have ended by then: too many failures
                run.add(ScriptedSource(camera))
        for camera in cameras:
            if camera.remove:
                run.remove(camera.name)
        spent: list[int] = []
        watching = threading.Thread(target=_watch, args=(run, spent))
        watching.start()
        until(lambda: bool(spent) or len(run.counts()) == 1)
        run.drain()
        watching.join(JOIN_S)
        gone = run.counts()[-1]
        assert gone.camera == GONE
        assert spent in ([], [3])
        if not spent:
            assert len(run.counts()) == 1
            assert gone.under_way == 0
            most = sum(camera.script.count("f") for camera in cameras)
            assert gone.decoded <= most
            if not any(camera.remove for camera in cameras):
                assert gone.decoded == most
        for each in run.counts():
            assert each.under_way >= 0
    told: dict[str, list[str]] = {}
    for camera_name, kind in decide.told:
        told.setdefault(camera_name, []).append(kind)
    for kinds in told.values():
        assert kinds == ["new", "end"] * (len(kinds) // 2)


def _watch(run: Supervisor, spent: list[int]) -> None:
    """Wait for the end of the run, as the main thread does; the exit code where it failed."""
    try:
        assert run.wait().complete
    except StageError as error:
        spent.append(error.exit_code)


@pytest.mark.parametrize("round_", range(5))
def test_cameras_that_come_go_and_come_again_under_one_name(round_: int) -> None:
    decide = SightingStage(Weakness(4, None))
    fan_in: FanIn[Frame] = FanIn(1, Overflow.DROP_OLDEST, "frames")
    rules = RestartRules(10_000, 600.0, backoff_s=0.0)
    steps = [Step(decide, 3), Step(TroubledStage(lambda *_: None), 3)]
    with no_threads_left(), Supervisor(fan_in, steps, ends_with_sources=False, restarts=rules) as run:
        run.start([])
        for _ in range(40):
            source = ScriptedSource(Camera("a", "fffpfff" * (1 + round_), remove=True))
            until(lambda source=source: _added(run, source))  # type: ignore[misc]
            run.remove("a")
        until(lambda: len(run.counts()) == 1)
        gone = run.counts()[0]
        assert gone.under_way == 0
        run.drain()
        assert run.wait().complete
    kinds = [kind for _, kind in decide.told]
    assert kinds == ["new", "end"] * (len(kinds) // 2)


def _added(run: Supervisor, source: ScriptedSource) -> bool:
    try:
        run.add(source)
    except ValueError:  # the one before has not ended yet
        return False
    return True
