"""Stages that fail, hang or are told to end, in whole pipelines and in programs of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.schema import Config
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import Run, RunPlan, build_run
from pipeline.capture.synthetic import Actor, Colour, SyntheticScene
from pipeline.errors import StageError
from pipeline.events.event import EventType, IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from tests.colour_people import CROP_PX, ColourDetector, colour_recognition
from tests.faults.failing_parts import (
    Chance,
    RoundsSource,
    UnsureDetector,
    UnsureGallery,
    UnsureJudge,
    UnsureSink,
)
from tests.runtime.live import until
from tests.runtime.streams import JOIN_S

ANN, STRANGER = (220, 40, 40), (40, 40, 220)
SCENE = SyntheticScene(
    (
        Actor(ANN, (0, 60, 60, 130), (40, 0), 0.0, 3.0),
        Actor(STRANGER, (260, 60, 320, 130), (-20, 0), 0.5, 3.0),
    ),
    frames=75,
)
ROOT = Path(__file__).parents[2]


def live_run(tmp_path: Path, chance: Chance, sink: MemorySink, max_restarts: int) -> Run:
    """A live pipeline in which everything but tracking and deciding fails by chance."""
    recognition = colour_recognition(ColourDetector((ANN, STRANGER)))
    gallery = PinnedGallery(with_ann(tmp_path, recognition), 0.85)
    networks = recognition.networks
    unsure = Recognition(
        replace(networks, detector=UnsureDetector(networks.detector, chance), judge=UnsureJudge(chance))
    )
    config = Config.model_validate(
        {
            "detection": {"min_face_px": 20},
            "runtime": {"max_restarts": max_restarts, "restart_window_s": 0.2},
        }
    )
    plan = RunPlan(Mode.LIVE, dict.fromkeys("abc", "run"), False, [sink])
    return build_run(config, unsure, UnsureGallery(gallery, chance), plan)


def with_ann(tmp_path: Path, recognition: Recognition) -> Replica:
    """A gallery with one person."""
    colour: Colour = ANN
    vector = recognition.networks.embedder.embed(np.full((1, CROP_PX, CROP_PX, 3), colour, np.uint8))[0]
    with Store(tmp_path) as store:
        store.enroll("Ann", [NewTemplate("painted", vector, 0.9, "painted", "0" * 64)])
        return Replica.load(store, "painted", HnswIndex(64))


def stories(events: Sequence[IdentityEvent]) -> dict[str, list[IdentityEvent]]:
    """Each sighting's events in the order in which they were told."""
    found: dict[str, list[IdentityEvent]] = {}
    for event in events:
        found.setdefault(event.sighting_id, []).append(event)
    return found


def check_stories(events: Sequence[IdentityEvent]) -> None:
    """Every sighting is told of from `new` to `end`, once each."""
    for story in stories(events).values():
        assert [event.seq for event in story] == list(range(1, len(story) + 1))
        kinds = [event.type for event in story]
        assert kinds == [EventType.NEW, *[EventType.UPDATE] * (len(kinds) - 2), EventType.END]


def test_a_pipeline_whose_parts_fail_now_and_then_goes_on_and_tells_whole_stories(tmp_path: Path) -> None:
    chance = Chance(5, 0.02)
    sink = UnsureSink(chance)
    run = live_run(tmp_path, chance, sink, max_restarts=1000)
    sources = [RoundsSource(SCENE, camera, rounds=2) for camera in "abc"]
    with run.supervisor as supervisor:
        supervisor.start(sources)
        for source in sources:
            assert source.played.wait(JOIN_S)
        chance.on = False
        supervisor.drain()
        assert supervisor.wait().complete
        gone = supervisor.counts()[-1]
        failures = supervisor.failures()
    assert chance.raised > 0
    assert sum(each.failures for each in failures) == chance.raised
    assert gone.decoded == 3 * 2 * SCENE.frames
    assert gone.under_way == 0
    check_stories(sink.events)
    named = {event.identity.name for event in sink.events if event.identity is not None}
    assert named == {"Ann"}
    assert {event.camera for event in sink.events} == {"a", "b", "c"}


def test_a_stage_that_stays_broken_ends_the_program_and_every_sighting(tmp_path: Path) -> None:
    chance, sink = Chance(0, 1.0), MemorySink()
    chance.on = False
    run = live_run(tmp_path, chance, sink, max_restarts=0)
    with run.supervisor as supervisor:
        supervisor.start([RoundsSource(SCENE, camera, rounds=9) for camera in "ab"])
        until(lambda: bool(sink.events))
        chance.on = True
        with pytest.raises(
            StageError, match=r"failed at [ab], frame \d+: RuntimeError: by chance$"
        ) as caught:
            supervisor.wait()
    assert caught.value.exit_code == 3
    check_stories(sink.events)


@contextmanager
def program(how: str) -> Iterator[subprocess.Popen[str]]:
    """tests.faults.deaf_run as a program of its own, once its stage is at work."""
    command = [sys.executable, "-m", "tests.faults.deaf_run", how]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
    finally:
        process.kill()
        process.wait()


def end_of(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Its exit code, and what it said until then."""
    said, _ = process.communicate(timeout=JOIN_S)
    return process.returncode, said.splitlines()


@pytest.mark.parametrize("how", ["passes", "fails"])
def test_one_sigterm_closes_everything_though_a_camera_hangs_and_a_stage_waits(how: str) -> None:
    with program(how) as process:
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code, said = end_of(process)
        assert time.monotonic() - began_s < 10.0
    assert (code, said) == (0, ["end deaf", "closed", "complete"])


def test_a_second_sigterm_ends_the_program_within_a_second_whatever_hangs() -> None:
    with program("hangs for long") as process:
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)  # two signals in one moment are one
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code, said = end_of(process)
        assert time.monotonic() - began_s < 1.0
    assert (code, said) == (0, ["closed", "stopped"])


def test_a_stage_that_hangs_ends_the_program_with_exit_code_3() -> None:
    with program("hangs") as process:
        code, said = end_of(process)
    assert code == 3
    assert said[:2] == ["end deaf", "closed"]
    assert said[2].startswith("stage first failed at deaf, frame 0: no answer for 1 s")
