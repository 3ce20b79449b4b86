"""Pictures of a whole replay of painted people: who is in each can be read off its colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from config.schema import Config
from pipeline.arrays import F32, U8
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.assemble.snapshots import snapshot_writer
from pipeline.capture.synthetic import Actor, Colour, SyntheticScene, SyntheticSource
from pipeline.events.event import EventType, IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.events.pictures.snapshots import SnapshotState
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.keeping.picture_about import head_of, taken_at
from pipeline.gallery.keeping.snapshots import face_of
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.types import Faces
from tests.colour_people import CROP_PX, ColourDetector, colour_recognition

ANN, BOB, STRANGER = (220, 40, 40), (40, 220, 40), (40, 40, 220)
CONFIG = Config.model_validate(
    {"detection": {"rate_hz": 12.5, "min_face_px": 20}, "snapshots": {"replay": True, "frame_px": 160}}
)
STARTED = datetime(2026, 5, 1, 23, 59, 58, tzinfo=UTC)

DOOR = SyntheticScene(
    (
        Actor(ANN, (0, 60, 60, 130), (40, 0), 0.0, 4.0),
        Actor(STRANGER, (260, 60, 320, 130), (-30, 0), 1.0, 5.0),
        Actor(BOB, (100, 40, 170, 120), (0, 5), 8.0, 10.0),
        Actor(ANN, (200, 40, 260, 120), (0, 0), 9.0, 10.0),
    ),
    frames=300,
)
"""Ann and a stranger cross; three seconds of nobody; Bob and Ann"""

TAKEN_OVER = SyntheticScene(
    (
        Actor(ANN, (100, 60, 160, 130), (2, 0), 0.0, 2.0),
        Actor(STRANGER, (104, 60, 172, 136), (2, 0), 2.0, 9.0),
    ),
    frames=300,
)
"""somebody takes Ann's place, and her track with it: nearer, so that each of their shots is better than hers"""


def by_size(crops: U8, faces: Faces) -> F32:
    """The nearer a face, the better; one at the edge of the frame is worth nothing."""
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    inside = (faces.boxes[:, 0] > 1) & (faces.boxes[:, 2] < 319)
    return np.asarray(np.where(inside, sides.prod(1) / 8000, 0.0), np.float32)


@pytest.fixture
def recognition() -> Recognition:
    networks = colour_recognition(ColourDetector((ANN, BOB, STRANGER))).networks
    return Recognition(replace(networks, judge=by_size))


@pytest.fixture
def store(tmp_path: Path, recognition: Recognition) -> Store:
    """A gallery with Ann and Bob."""
    store = Store(tmp_path / "gallery")
    (tmp_path / "gallery").mkdir()
    store.open()
    for name, colour in (("Ann", ANN), ("Bob", BOB)):
        crop = np.full((1, CROP_PX, CROP_PX, 3), colour, np.uint8)
        vector = recognition.networks.embedder.embed(crop)[0]
        store.enroll(name, [NewTemplate("painted", vector, 0.9, "painted", "0" * 64)])
    return store


def replay(
    recognition: Recognition,
    store: Store,
    data: Path,
    scenes: Mapping[str, SyntheticScene],
    config: Config = CONFIG,
) -> tuple[tuple[IdentityEvent, ...], SnapshotState]:
    """Run these scenes at once, each a camera, with pictures below `data`."""
    data.mkdir(exist_ok=True)
    sink = MemorySink()
    sources = [SyntheticSource(scene, camera, started_at=STARTED) for camera, scene in scenes.items()]
    runs = {source.camera: source.open().recording_id for source in sources}
    gallery = PinnedGallery(Replica.load(store, "painted", ExactIndex(64)), 0.85)
    writer = snapshot_writer(config, data, Mode.REPLAY)
    assert writer is not None
    plan = RunPlan(Mode.REPLAY, runs, True, [sink], snapshots=writer)
    with writer, build_run(config, recognition, gallery, plan).supervisor as supervisor:
        supervisor.start(sources)
        assert supervisor.wait().complete
    return tuple(sink.events), writer.state()


def ended(events: tuple[IdentityEvent, ...]) -> list[IdentityEvent]:
    return [event for event in events if event.type is EventType.END]


def picture(path: Path) -> U8:
    """(H, W, 3) BGR"""
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def share_of(path: Path, colour: Colour) -> float:
    """How much of a picture is about this colour."""
    rgb = picture(path)[..., ::-1].astype(int)
    return float((np.abs(rgb - np.array(colour)).sum(2) < 90).mean())


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_sighting_has_the_picture_of_its_own_person(
    recognition: Recognition, store: Store, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    events, state = replay(recognition, store, data, {"door": DOOR})
    colours = {"Ann": ANN, "Bob": BOB, None: STRANGER}
    assert len(ended(events)) == 4
    for event in ended(events):
        assert event.snapshot is not None
        colour = colours[event.identity.name if event.identity else None]
        face = face_of(data / event.snapshot)
        assert share_of(face, colour) > 0.2
        assert not any(share_of(face, other) > share_of(face, colour) for other in colours.values())
        taken = taken_at(head_of(data / event.snapshot))
        assert taken is not None
        assert event.first_seen_at <= taken <= event.seen_at
    assert state.problem is None
    assert state.dropped == {}


def test_the_first_event_names_the_path_that_all_later_ones_do(
    recognition: Recognition, store: Store, tmp_path: Path
) -> None:
    events, _ = replay(recognition, store, tmp_path / "data", {"door": DOOR})
    for end in ended(events):
        paths = {event.snapshot for event in events if event.sighting_id == end.sighting_id}
        run, number = end.sighting_id.split(":")[1:]
        day = f"{end.first_seen_at:%Y-%m-%d}"
        assert paths == {f"snapshots/{day}/door/{run}-{number}.jpg"}
    assert {event.snapshot.split("/")[1] for event in ended(events) if event.snapshot} == {
        "2026-05-01",
        "2026-05-02",
    }


def test_who_takes_a_track_over_is_never_in_the_other_ones_picture(
    recognition: Recognition, store: Store, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    events, _ = replay(recognition, store, data, {"door": TAKEN_OVER})
    first, second = ended(events)
    assert (first.identity is not None, second.identity is None) == (True, True)
    assert first.snapshot is not None
    assert second.snapshot is not None
    for event, theirs, others in ((first, ANN, STRANGER), (second, STRANGER, ANN)):
        for path in (data / str(event.snapshot), face_of(data / str(event.snapshot))):
            assert share_of(path, theirs) > 0.03
            assert share_of(path, others) == 0.0


def test_a_face_that_is_never_clear_enough_for_an_embedding_has_a_picture_too(
    recognition: Recognition, store: Store, tmp_path: Path
) -> None:
    far = SyntheticScene((Actor(BOB, (100, 100, 124, 126), (1, 0), 0.0, 3.0),), frames=100)
    data = tmp_path / "data"
    events, _ = replay(recognition, store, data, {"door": far})
    (end,) = ended(events)
    assert end.frames_fused == 0
    assert end.snapshot is not None
    assert share_of(face_of(data / end.snapshot), BOB) > 0.2


@pytest.mark.parametrize("items_queued", [1, 32])
def test_a_replay_gives_the_same_pictures_each_time(
    recognition: Recognition, store: Store, tmp_path: Path, items_queued: int
) -> None:
    scenes = {"a": DOOR, "b": TAKEN_OVER}
    narrow = Config.model_validate({**CONFIG.model_dump(), "runtime": {"items_queued": items_queued}})
    first, _ = replay(recognition, store, tmp_path / "one", scenes)
    second, _ = replay(recognition, store, tmp_path / "two", scenes, narrow)
    assert first == second
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    assert len(bytes_below(tmp_path / "one")) == 2 * len(ended(first))


def test_a_frame_is_scaled_and_nobody_else_may_read_it(
    recognition: Recognition, store: Store, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    events, _ = replay(recognition, store, data, {"door": DOOR})
    path = data / str(ended(events)[0].snapshot)
    assert picture(path).shape == (120, 160, 3)
    assert path.stat().st_mode & 0o777 == 0o600
    assert {folder.stat().st_mode & 0o777 for folder in path.parents[:3]} == {0o700}


def test_a_disk_that_refuses_stops_no_replay(recognition: Recognition, store: Store, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "snapshots").write_text("in the way")
    events, state = replay(recognition, store, data, {"door": DOOR})
    assert len(ended(events)) == 4
    assert state.written == 0
    assert state.dropped["disk"] > 0
    assert state.problem is not None
