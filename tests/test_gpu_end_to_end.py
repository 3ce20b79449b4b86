"""Runs whose pixels stay on a fake GPU tell what runs on the processor tell, go on after the GPU failed, and leave
nothing there."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from config.schema import Config
from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.kernels.launch import Kernels
from engines.backends.cuda.kernels.on_fake import fake_kernels
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.capture.fake_nvdec import FakeNvdec
from pipeline.capture.file import FileSource
from pipeline.capture.nvdec import FileDecoding, NvdecFileSource
from pipeline.capture.synthetic import Actor, SyntheticScene
from pipeline.device.shared import SharedGpu
from pipeline.events.event import EventType, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from tests.capture.films import MP4
from tests.fake_gpus import driver_of, host_kernels
from tests.faults.failing_parts import RoundsSource
from tests.painted_networks import on_a_fake_gpu, on_processor
from tests.runtime.live import until
from tests.runtime.streams import JOIN_S

ANN, STRANGER = (208, 48, 48), (48, 48, 208)
SCENE = SyntheticScene(
    (
        Actor(ANN, (0, 60, 60, 130), (40, 0), 0.0, 2.0),
        Actor(STRANGER, (250, 60, 310, 130), (-20, 0), 0.5, 2.4),
    ),
    frames=60,
)
CONFIG = Config.model_validate(
    {
        "detection": {"rate_hz": 12.5, "min_face_px": 20},
        "alignment": {"crop": "detector", "margin_fraction": 0.0},
        "runtime": {"max_restarts": 100},
    }
)
# Of what is on the GPU: each has a driver of its own. The embedder's first run is the enrolment. One of two runs may
# be that of a graph's capture, which goes on without the graph.
PIXELS_FAIL = (Failure("launch", 5), Failure("copy_on_device", 2))
DETECTOR_FAILS = (Failure("execute", 4), Failure("execute", 5))
EMBEDDER_FAILS = (Failure("execute", 3), Failure("execute", 4))


@dataclass(frozen=True, slots=True)
class OnFakeGpu:
    """A recognition on a fake GPU."""

    recognition: Recognition
    gpu: SharedGpu


@contextmanager
def fake_run(*failures: tuple[Failure, ...]) -> Iterator[OnFakeGpu]:
    """Open; nothing is left on the device when it is closed. `failures` of each driver, none where none are given."""
    device = FakeGpu(memory_bytes=2 << 30, kernels=fake_kernels(host_kernels()))
    pixels, seeing, knowing = (FakeDriver(device, each) for each in failures or ((), (), ()))
    kernels = Kernels(pixels, "9.0", lambda name, _: name.encode())
    with (
        SharedGpu(pixels, kernels, 256 << 20) as gpu,
        on_a_fake_gpu(CONFIG, (ANN, STRANGER), gpu, (seeing, knowing)) as recognition,
    ):
        yield OnFakeGpu(recognition, gpu)
        # An error keeps the frames that it went through, in circles that only the collector opens.
        gc.collect()
    assert [driver.leaks for driver in (pixels, seeing, knowing)] == [(), (), ()]
    assert device.held_bytes == 0
    assert device.pinned_bytes == 0


def gallery_of(folder: Path, recognition: Recognition) -> PinnedGallery:
    """With Ann."""
    model_id = recognition.model_id
    with Store(folder / "gallery") as store:
        vector = recognition.networks.embedder.embed(np.full((1, 160, 160, 3), ANN, np.uint8))[0]
        store.enroll("Ann", [NewTemplate(model_id, vector, 0.9, "painted", "0" * 64)])
        return PinnedGallery(Replica.load(store, model_id, HnswIndex(512)), 0.85)


def replayed(recognition: Recognition, gallery: PinnedGallery, recordings: Sequence[FileSource]) -> list[str]:
    """The events of recordings, as they are published."""
    sink = MemorySink()
    runs = {source.camera: source.open().recording_id for source in recordings}
    run = build_run(CONFIG, recognition, gallery, RunPlan(Mode.REPLAY, runs, True, [sink]))
    with run.supervisor as supervisor:
        supervisor.start(recordings)
        report = supervisor.wait()
    assert report.complete
    assert report.problems == ()
    return sink.lines


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return MP4.make(tmp_path, [SCENE.draw(index) for index in range(SCENE.frames)])


@pytest.mark.parametrize("decoder", ["software", "nvdec"])
def test_a_replay_on_the_gpu_tells_what_one_on_the_processor_tells(
    decoder: str, film: Path, tmp_path: Path
) -> None:
    with on_processor(CONFIG, (ANN, STRANGER)) as recognition:
        gallery = gallery_of(tmp_path, recognition)
        wanted = replayed(recognition, gallery, [FileSource(film, camera) for camera in "ab"])
    assert sum('"new"' in line for line in wanted) == 4
    assert sum("Ann" in line for line in wanted) >= 2

    with fake_run() as there:
        gpu = there.gpu
        hardware = FileDecoding("nvdec", gpu, lambda codec: FakeNvdec(codec, driver_of(gpu)))
        decoding = hardware if decoder == "nvdec" else FileDecoding()
        recordings = [decoding.source(film, camera) for camera in "ab"]
        assert all(isinstance(each, NvdecFileSource) for each in recordings) == (decoder == "nvdec")

        assert replayed(there.recognition, gallery, recordings) == wanted
        frames_up = 2 * 30 * 320 * 240 * 3  # those that are looked at
        assert gpu.bus.crossed.up_bytes == (frames_up if decoder == "software" else 0)
        for each in recordings:
            each.close()
        del recordings


def test_a_replay_that_is_ended_in_the_middle_leaves_nothing_on_the_gpu(film: Path, tmp_path: Path) -> None:
    with fake_run() as there:
        gpu, sink = there.gpu, MemorySink()
        decoding = FileDecoding("nvdec", gpu, lambda codec: FakeNvdec(codec, driver_of(gpu)))
        recordings = [decoding.source(film, camera, realtime=True) for camera in "ab"]
        runs = {source.camera: source.open().recording_id for source in recordings}
        gallery = gallery_of(tmp_path, there.recognition)
        run = build_run(CONFIG, there.recognition, gallery, RunPlan(Mode.REPLAY, runs, False, [sink]))
        with run.supervisor as supervisor:
            supervisor.start(recordings)
            until(lambda: bool(sink.events))
            supervisor.stop()
            assert not supervisor.wait().complete
        for each in recordings:
            each.close()
        del run, supervisor, recordings, each


def test_photos_are_described_as_on_the_processor() -> None:
    photo = SCENE.draw(20)
    with on_processor(CONFIG, (ANN, STRANGER)) as recognition:
        wanted = recognition.detect(photo)
        described = recognition.describe(photo, wanted)
    with fake_run() as there:
        found = there.recognition.detect(photo)
        ours = there.recognition.describe(photo, found)
    assert len(wanted) == 2
    np.testing.assert_array_equal(found.boxes, wanted.boxes)
    np.testing.assert_array_equal(ours.vectors, described.vectors)


def test_cameras_go_on_after_the_gpu_has_failed_in_every_stage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # records of a log hold the errors, and they what was on the device
    sink = MemorySink()
    with fake_run(PIXELS_FAIL, DETECTOR_FAILS, EMBEDDER_FAILS) as there:
        gallery = gallery_of(tmp_path, there.recognition)
        plan = RunPlan(Mode.LIVE, dict.fromkeys("ab", "run"), False, [sink])
        run = build_run(CONFIG, there.recognition, gallery, plan)
        sources = [RoundsSource(SCENE, camera, rounds=2) for camera in "ab"]
        with run.supervisor as supervisor:
            supervisor.start(sources)
            for source in sources:
                assert source.played.wait(JOIN_S)
            supervisor.drain()
            assert supervisor.wait().complete
            failures = supervisor.failures()
        assert {"detect", "embed"} <= {each.stage for each in failures if each.failures}
        assert sum(each.restarts for each in failures) > 0
        del run, supervisor, source, sources
    named = {event.camera for event in sink.events if event.identity is not None}
    assert named == {"a", "b"}
    assert sum(event.type is EventType.NEW for event in sink.events) == sum(
        event.type is EventType.END for event in sink.events
    )
