"""A live run of painted cameras: what is told, and where every frame went."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.schema import Config
from pipeline.assemble.pace import usual_rules
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import Run, RunPlan, build_run
from pipeline.capture.pacing import Pacer
from pipeline.capture.synthetic import Actor, SyntheticScene, SyntheticSource
from pipeline.clock import SystemClock
from pipeline.detection.rules import CameraRules, RuleBook
from pipeline.events.document import EventDocument
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Frame, StreamEnd
from tests.colour_people import CROP_PX, ColourDetector, colour_recognition

ANN = (220, 40, 40)
CONFIG = Config.model_validate({"detection": {"rate_hz": 12.5, "min_face_px": 20}})
FRAMES = 60
SCENE = SyntheticScene((Actor(ANN, (20, 60, 120, 180), (2, 0), 0.0, 40.0),), frames=FRAMES)
"""Ann walks slowly for as long as the camera runs"""
WAIT_S = 30.0


class PacedSource(SyntheticSource):
    """Gives its frames in real time."""

    def frames(self) -> Iterator[Frame]:
        pacer = Pacer(SystemClock(), threading.Event())
        for one in super().frames():
            pacer.hold(one.info.pts_s)
            yield Frame(replace(one.info, captured_ns=time.monotonic_ns()), one.pixels)


class Ends(WorkerHook):
    """Knows when the last stage is done with so many cameras."""

    def __init__(self, cameras: int) -> None:
        self._left = cameras
        self.all = threading.Event()

    def after_end(self, worker: str, end: StreamEnd) -> None:
        if worker == "publish":
            self._left -= 1
            if not self._left:
                self.all.set()


@pytest.fixture
def recognition() -> Recognition:
    return colour_recognition(ColourDetector((ANN,)))


@pytest.fixture
def gallery(tmp_path: Path, recognition: Recognition) -> PinnedGallery:
    """With Ann."""
    store = Store(tmp_path)
    store.open()
    crop = np.full((1, CROP_PX, CROP_PX, 3), ANN, np.uint8)
    vector = recognition.networks.embedder.embed(crop)[0]
    store.enroll("Ann", [NewTemplate("painted", vector, 0.9, "painted", "0" * 64)])
    return PinnedGallery(Replica.load(store, "painted", HnswIndex(64)), 0.85)


def run_live(
    recognition: Recognition,
    gallery: PinnedGallery,
    sources: Sequence[SyntheticSource],
    rules: RuleBook | None = None,
) -> tuple[Run, MemorySink]:
    """Run these cameras to the end of the scene."""
    sink, ends = MemorySink(), Ends(len(sources))
    for source in sources:
        source.open()
    runs = {source.camera: "run" for source in sources}
    plan = RunPlan(Mode.LIVE, runs, False, [sink], rules=rules, hooks=(ends,))
    run = build_run(CONFIG, recognition, gallery, plan)
    with run.supervisor as supervisor:
        supervisor.start(sources)
        assert ends.all.wait(WAIT_S)
        supervisor.drain()
        supervisor.wait()
    return run, sink


def test_every_frame_of_cameras_faster_than_anybody_can_look_is_counted(
    recognition: Recognition, gallery: PinnedGallery
) -> None:
    run, _ = run_live(recognition, gallery, [SyntheticSource(SCENE, f"c{number}") for number in range(3)])
    counts, summary = run.supervisor.counts(), run.metrics.summary()
    assert sum(each.decoded for each in counts) == 3 * FRAMES
    assert all(each.under_way == 0 for each in counts)
    assert sum(each.skipped for each in counts) > 0
    assert sum(each.done for each in counts) == summary.frames_looked
    assert all(level.items == 0 for level in summary.queues)
    assert summary.queues[0].high_water <= 2  # the newest frame, and the camera's end


def test_events_tell_where_their_time_went_and_each_camera_has_its_own_rules(
    recognition: Recognition, gallery: PinnedGallery
) -> None:
    usual = usual_rules(CONFIG)
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    rules = RuleBook(usual)
    rules.put("masked", CameraRules(usual.rate_hz, usual.min_face_px, mask=(everywhere,)))
    rules.put("too small", CameraRules(usual.rate_hz, 150.0))
    cameras = [PacedSource(SCENE, camera) for camera in ("masked", "too small", "door")]
    run, sink = run_live(recognition, gallery, cameras, rules)
    assert {event.camera for event in sink.events} == {"door"}
    assert run.pace is not None
    new, *_, end = sink.events
    assert new.timings_ms is not None
    timings = new.timings_ms
    assert timings.total >= timings.queue + timings.detect + timings.embed + timings.match - 1e-6
    assert timings.detect > 0.0
    assert end.timings_ms is None  # the camera's end told it, and no frame
    for event in sink.events:
        EventDocument.of(event)
    assert run.pace.timings.latencies().total.count == run.metrics.summary().frames_looked
    assert run.pace.timings.underway == 0
