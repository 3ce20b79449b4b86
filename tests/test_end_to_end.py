"""The whole pipeline on synthetic recordings: real threads, channels, batches, gallery and events, painted faces.

Everything between the camera and the sinks is what `replay` runs; only the two networks are fakes, which know
people by their colour, so that every event can be foretold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from config.schema import Config
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.capture.synthetic import Actor, Colour, SyntheticScene, SyntheticSource
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.runtime.supervisor import RunReport
from tests.colour_people import CROP_PX, ColourDetector, colour_recognition

ANN, BOB, STRANGER = (220, 40, 40), (40, 220, 40), (40, 40, 220)
CONFIG = Config.model_validate({"detection": {"rate_hz": 12.5, "min_face_px": 20}})


@pytest.fixture
def recognition() -> Recognition:
    return colour_recognition(ColourDetector((ANN, BOB, STRANGER)))


@pytest.fixture
def store(tmp_path: Path, recognition: Recognition) -> Store:
    """A gallery with Ann and Bob."""
    store = Store(tmp_path)
    store.open()
    for name, colour in (("Ann", ANN), ("Bob", BOB)):
        store.enroll(name, [template(recognition, colour)])
    return store


def template(recognition: Recognition, colour: Colour) -> NewTemplate:
    crop = np.full((1, CROP_PX, CROP_PX, 3), colour, np.uint8)
    vector = recognition.networks.embedder.embed(crop)[0]
    return NewTemplate("painted", vector, 0.9, "painted", "0" * 64)


DOOR = SyntheticScene(
    (
        Actor(ANN, (0, 60, 60, 130), (40, 0), 0.0, 4.0),
        Actor(STRANGER, (260, 60, 320, 130), (-30, 0), 1.0, 5.0),
        Actor(BOB, (100, 40, 170, 120), (0, 5), 8.0, 10.0),
        Actor(ANN, (200, 40, 260, 120), (0, 0), 9.0, 10.0),
        Actor(STRANGER, (20, 20, 60, 60), (0, 0), 11.0, 11.1),
    ),
    frames=325,
)
"""Ann and a stranger cross; three seconds of nobody; Bob and Ann; a flash too short to be told"""

YARD = SyntheticScene((Actor(BOB, (20, 20, 90, 100), (10, 0), 0.4, 3.0),), frames=100, rate_hz=20.0)
EMPTY = SyntheticScene((), frames=60)


def replay(
    recognition: Recognition,
    store: Store,
    scenes: Mapping[str, SyntheticScene],
    *,
    broken: Mapping[str, int] = MappingProxyType({}),
    config: Config = CONFIG,
) -> tuple[MemorySink, RunReport]:
    """Run these scenes at once, each a camera; `broken` breaks one off after so many frames."""
    sink = MemorySink()
    sources = [
        SyntheticSource(scene, camera, breaks_after=broken.get(camera)) for camera, scene in scenes.items()
    ]
    runs = {source.camera: source.open().recording_id for source in sources}
    gallery = Replica.load(store, "painted", HnswIndex(64))
    run = build_run(
        config, recognition, PinnedGallery(gallery, 0.85), RunPlan(Mode.REPLAY, runs, True, [sink])
    )
    with run.supervisor as supervisor:
        supervisor.start(sources)
        report = supervisor.wait()
    return sink, report


def told(events: Sequence[IdentityEvent]) -> list[str]:
    """`second camera type number name` a line."""
    return [
        f"{e.frame.pts_s:.2f} {e.camera} {e.type} {e.sighting_id.rpartition(':')[2]} "
        f"{e.identity.name if e.identity else '?'}"
        for e in events
    ]


def test_every_event_of_a_known_play(recognition: Recognition, store: Store) -> None:
    sink, report = replay(recognition, store, {"door": DOOR, "yard": YARD, "empty": EMPTY})
    assert told(sink.events) == [
        "0.16 door new 1 Ann",  # second look makes the track, the second shot the name
        "0.60 yard new 1 Bob",
        "2.08 door new 2 ?",  # a second after the stranger was first seen
        "2.90 yard end 1 Bob",
        "3.92 door end 1 Ann",  # 15 px of her look out behind the stranger: still followed
        "4.96 door end 2 ?",
        "8.16 door new 3 Bob",
        "9.20 door new 4 Ann",
        "9.92 door end 3 Bob",
        "9.92 door end 4 Ann",
    ]
    assert report.problems == ()
    assert report.complete


def test_events_carry_what_the_contract_promises(recognition: Recognition, store: Store) -> None:
    sink, _ = replay(recognition, store, {"door": DOOR})
    new, stranger = sink.events[0], sink.events[1]
    assert new.distance is not None
    assert new.distance < 0.01
    assert new.frames_fused == 2
    assert new.quality == pytest.approx(0.8)
    assert new.gallery_version == store.version()
    assert new.box == pytest.approx((6 / 320, 60 / 240, 66 / 320, 130 / 240))
    assert (new.first_seen_at.timestamp(), new.seen_at.timestamp()) == pytest.approx((0.08, 0.16))
    assert new.published_at == new.seen_at
    assert stranger.stranger_id is not None
    assert stranger.distance is not None
    assert stranger.distance > stranger.threshold == 0.85


@pytest.mark.parametrize("items_queued", [1, 32])
def test_a_replay_repeats_itself_byte_for_byte(
    recognition: Recognition, store: Store, items_queued: int
) -> None:
    scenes = {"a": DOOR, "b": YARD, "c": YARD, "d": EMPTY}
    narrow = Config.model_validate(
        {**CONFIG.model_dump(), "runtime": {"items_queued": items_queued, "frames_queued": items_queued}}
    )
    first, _ = replay(recognition, store, scenes)
    second, _ = replay(recognition, store, scenes, config=narrow)
    assert first.lines == second.lines
    assert len(first.lines) >= 10


def test_a_lag_shorter_than_the_queues_does_not_lock_the_gate(recognition: Recognition, store: Store) -> None:
    lockstep = Config.model_validate({**CONFIG.model_dump(), "sightings": {"feedback_lag_frames": 1}})
    sink, report = replay(recognition, store, {"yard": YARD}, config=lockstep)
    assert report.complete
    assert told(sink.events) == ["0.60 yard new 1 Bob", "2.90 yard end 1 Bob"]


def test_a_camera_tells_the_same_alone_as_among_others(recognition: Recognition, store: Store) -> None:
    together, _ = replay(recognition, store, {"door": DOOR, "yard": YARD, "empty": EMPTY})
    alone, _ = replay(recognition, store, {"door": DOOR})
    assert [line for line in together.lines if '"camera": "door"' in line] == alone.lines


def test_a_recording_that_breaks_off_tells_everything_up_to_there(
    recognition: Recognition, store: Store
) -> None:
    sink, report = replay(recognition, store, {"door": DOOR, "yard": YARD}, broken={"door": 60})
    assert [problem.camera for problem in report.problems] == ["door"]
    assert "frame 59" in str(report.problems[0].error)
    assert told(sink.events) == [
        "0.16 door new 1 Ann",
        "0.60 yard new 1 Bob",
        "2.08 door new 2 ?",
        "2.32 door end 1 Ann",
        "2.32 door end 2 ?",
        "2.90 yard end 1 Bob",
    ]


def test_nobody_enrolled_means_everybody_unknown(recognition: Recognition, tmp_path: Path) -> None:
    with Store(tmp_path / "empty") as nobody:
        sink, _ = replay(recognition, nobody, {"yard": YARD})
    assert told(sink.events) == ["1.45 yard new 1 ?", "2.90 yard end 1 ?"]  # due at 1.50, last seen at 1.45
    assert sink.events[0].distance is None


def test_nothing_happens_in_an_empty_room(recognition: Recognition, store: Store) -> None:
    sink, report = replay(recognition, store, {"empty": EMPTY})
    assert sink.events == []
    assert report.complete
