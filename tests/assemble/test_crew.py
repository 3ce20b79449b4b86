"""The crew of cameras: what is wanted runs, what changes is started anew, and nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator

from config.cameras import Camera, check_camera
from pipeline.assemble import crew as crew_module
from pipeline.assemble.crew import Crew
from pipeline.errors import SourceError
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.worker import FrameSource
from pipeline.types import Frame, StreamEnd


class Still:
    """A source without a frame."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self.closed = False

    @property
    def camera(self) -> str:
        return self._camera

    def frames(self) -> Iterator[Frame | StreamEnd]:
        return iter(())

    def close(self) -> None:
        self.closed = True


class Stagehand:
    """Runs sources as the supervisor does; what was removed ends only when it is told to."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.ending: set[str] = set()
        self.over = False

    def add(self, source: FrameSource) -> None:
        if self.over:
            raise ChannelClosed("frames")
        if source.camera in self.ending:
            raise ValueError("running already")
        self.log.append(f"+{source.camera}")

    def remove(self, camera: str) -> None:
        self.log.append(f"-{camera}")
        self.ending.add(camera)


class Stage:
    """A crew with what it works on."""

    def __init__(self) -> None:
        self.cast = Stagehand()
        self.opened: list[Still] = []
        self.told: list[Camera] = []
        self.gone: list[str] = []
        self.crew = Crew(self.cast, self.open, self, {})

    def put(self, camera: Camera) -> None:
        self.told.append(camera)

    def remove(self, camera: str) -> None:
        self.gone.append(camera)

    def open(self, camera: Camera) -> FrameSource:
        if "bad" in camera.url.reveal():
            raise SourceError("no camera's address")
        self.opened.append(Still(camera.id))
        return self.opened[-1]


def camera(name: str, url: str = "rtsp://host/1", **keys: object) -> Camera:
    return check_camera({"id": name, "url": url, **keys})


def test_what_is_wanted_runs_and_the_others_do_not_notice() -> None:
    stage = Stage()
    assert stage.crew.want([camera("a"), camera("b")]).added == ("a", "b")
    applied = stage.crew.want([camera("b"), camera("c")])
    assert (applied.added, applied.removed, applied.changed) == (("c",), ("a",), ())
    assert stage.cast.log == ["+a", "+b", "-a", "+c"]
    assert [each.camera.id for each in stage.crew.cameras()] == ["b", "c"]
    assert stage.gone == ["a"]


def test_a_camera_with_another_address_is_started_anew_once_the_old_one_has_ended() -> None:
    stage = Stage()
    stage.crew.want([camera("a"), camera("b")])
    run = stage.crew.runs["a"]
    assert stage.crew.want([camera("a", "rtsp://host/2"), camera("b")]).changed == ("a",)
    assert stage.cast.log == ["+a", "+b", "-a"]
    assert stage.opened[-1].closed
    assert stage.crew.runs["a"] == run
    assert stage.crew.cameras()[0].source is None
    stage.cast.ending.clear()
    stage.crew.step()
    stage.crew.step()
    assert stage.cast.log == ["+a", "+b", "-a", "+a"]
    assert stage.crew.runs["a"] != run


def test_other_values_are_told_and_nothing_starts_anew() -> None:
    stage = Stage()
    stage.crew.want([camera("a")])
    stage.crew.want([camera("a", rate_hz=2.0, min_face_px=80, mask=[[[0, 0], [1, 0], [1, 1]]])])
    assert stage.cast.log == ["+a"]
    assert [each.rate_hz for each in stage.told] == [None, 2.0]


def test_paused_and_resumed() -> None:
    stage = Stage()
    stage.crew.want([camera("a")])
    stage.crew.want([camera("a", enabled=False)])
    assert stage.cast.log == ["+a", "-a"]
    assert stage.crew.cameras()[0].source is None
    stage.cast.ending.clear()
    stage.crew.want([camera("a")])
    assert stage.cast.log == ["+a", "-a", "+a"]


def test_an_address_that_can_never_work_is_said_once_and_tried_again_when_it_changes() -> None:
    stage = Stage()
    stage.crew.want([camera("a", "bad"), camera("b")])
    stage.crew.step()
    assert stage.cast.log == ["+b"]
    assert stage.crew.cameras()[0].refused == "no camera's address"
    stage.crew.want([camera("a", "rtsp://good"), camera("b")])
    assert stage.cast.log == ["+b", "+a"]
    assert stage.crew.cameras()[0].refused is None


def test_when_the_run_ends_nothing_starts() -> None:
    stage = Stage()
    stage.cast.over = True
    stage.crew.want([camera("a")])
    assert stage.opened[0].closed
    assert stage.crew.runs == {}


def test_runs_of_cameras_long_gone_are_forgotten() -> None:
    stage = Stage()
    for number in range(3 * crew_module.KEPT_RUNS):
        stage.crew.want([camera(f"c{number}"), camera("stays")])
        stage.cast.ending.clear()
    assert len(stage.crew.runs) <= crew_module.KEPT_RUNS + 2
    assert "stays" in stage.crew.runs
