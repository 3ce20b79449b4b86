"""The stage: a tracker a camera, predictions between looks, and a new start behind a cut."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from pipeline.arrays import U8
from pipeline.pixels import HostPixels, LazyPixels, Pixels
from pipeline.tracking.stage import TrackingStage
from pipeline.types import Detected, Faces, Frame, FrameInfo, StreamEnd, Tracked
from tests.tracking.people import faces_of

FACE = (100.0, 60.0, 140.0, 110.0)
NOISE = np.random.default_rng(0).integers(0, 255, (2, 18, 32, 3)).astype(np.uint8).repeat(12, 1).repeat(12, 2)
"""two scenes (216, 384, 3)"""


def make(min_face_px: float = 24.0, limits: Mapping[str, float] | None = None) -> TrackingStage:
    """With a limit for all cameras, or one for each."""
    return TrackingStage(
        min_score=0.5,
        min_iou=0.2,
        min_iou_low=0.4,
        max_lost_s=0.8,
        min_looks=2,
        min_face_px=lambda camera: min_face_px if limits is None else limits[camera],
        follow_from=0.5,
    )


def item(index: int, faces: Faces | None, camera: str = "a", scene: U8 = NOISE[0]) -> Detected:
    """Frame `index` of 30 a second; looked at where there are faces, even none."""
    pixels: Pixels = HostPixels(scene)
    if faces is None:
        pixels = LazyPixels(scene.shape, _never)
    info = FrameInfo(camera, index, index / 30, datetime(1970, 1, 1, tzinfo=UTC), 384, 216, 0)
    return Detected(Frame(info, pixels), Faces.none() if faces is None else faces, faces is not None)


def _never() -> U8:
    raise AssertionError("a frame that is not looked at must not be converted")


def ids(tracked: list[Tracked]) -> list[list[int]]:
    return [one.track_ids.tolist() for one in tracked]


def test_one_item_a_frame_found_or_predicted_in_order() -> None:
    face = faces_of([FACE])
    looks = [face, None, None, face, None, None, face]
    batch = [item(index, faces) for index, faces in enumerate(looks)]
    tracked = list(make().process(batch))
    assert [one.frame.info.index for one in tracked] == list(range(7))
    assert ids(tracked) == [[], [], [], [1], [1], [1], [1]]
    assert [one.observed.tolist() for one in tracked[3:]] == [[True], [False], [False], [True]]


def test_how_items_are_batched_makes_no_difference() -> None:
    looks = [faces_of([FACE]) if index % 3 == 0 else None for index in range(12)]
    items = [item(index, faces, camera) for index, faces in enumerate(looks) for camera in "ab"]
    alone, together = make(), make()
    one_by_one = [answer for one in items for answer in alone.process([one])]
    at_once = list(together.process(items))
    assert ids(one_by_one) == ids(at_once)
    assert [one.faces.boxes.tobytes() for one in one_by_one] == [one.faces.boxes.tobytes() for one in at_once]


def test_cameras_are_apart_and_end_apart() -> None:
    stage, face = make(), faces_of([FACE])
    assert ids(list(stage.process([item(0, face, "a"), item(0, face, "b"), item(3, face, "a")])))[2] == [1]
    assert stage.end(StreamEnd("a", 4)) == ()
    assert ids(list(stage.process([item(3, face, "b"), item(0, face, "a")]))) == [[1], []]
    stage.end(StreamEnd("never there", 0))
    stage.end(StreamEnd("never there", 0, pause=True))


def test_after_a_pause_whoever_is_seen_is_somebody_new_and_no_id_comes_back() -> None:
    stage, face = make(), faces_of([FACE])
    assert ids(list(stage.process([item(index, face) for index in (0, 3)]))) == [[], [1]]
    stage.end(StreamEnd("a", 4, pause=True))
    assert ids(list(stage.process([item(index, face) for index in (6, 9)]))) == [[], [2]]


def test_a_cut_ends_tracks_even_when_somebody_stands_in_the_same_place() -> None:
    stage, face = make(), faces_of([FACE])
    before = [item(index, face) for index in (0, 3, 6)]
    behind = [item(index, face, scene=NOISE[1]) for index in (9, 12)]
    assert ids(list(stage.process([*before, *behind]))) == [[], [1], [1], [], [2]]


def test_small_faces_are_not_followed() -> None:
    stage, face = make(min_face_px=81.0), faces_of([FACE])
    assert ids(list(stage.process([item(0, face), item(3, face)]))) == [[], []]


def test_smaller_faces_are_followed_and_count_once_they_were_large_enough() -> None:
    stage = make(min_face_px=41.0)
    small, large = faces_of([FACE]), faces_of([(FACE[0], FACE[1], FACE[2] + 2, FACE[3])])
    looks = [small, small, large, small]
    rows = stage.process([item(3 * at, faces) for at, faces in enumerate(looks)])
    assert ids(list(rows)) == [[], [1], [1], [1]]
    assert [row.large.tolist() for row in rows] == [[], [False], [True], [True]]
    assert [row.counted().track_ids.tolist() for row in rows] == [[], [], [1], [1]]


def test_each_camera_may_have_its_own_limit_and_change_it() -> None:
    limits, face = {"a": 81.0, "b": 20.0}, faces_of([FACE])
    stage = make(limits=limits)
    looks = [item(index, face, camera) for index in (0, 3) for camera in "ab"]
    assert ids(list(stage.process(looks))) == [[], [], [], [1]]
    limits["a"] = 40.0
    assert ids(list(stage.process([item(index, face, "a") for index in (6, 9)]))) == [[], [1]]


def test_after_a_lost_frame_a_camera_begins_anew_and_the_others_do_not() -> None:
    stage, face = make(), faces_of([FACE])
    looks = [item(index, face, camera) for index in (0, 3) for camera in "ab"]
    assert ids(list(stage.process(looks))) == [[], [], [1], [1]]
    stage.lost("a")
    stage.lost("never there")
    later = [item(index, face, camera) for index in (6, 9) for camera in "ab"]
    assert ids(list(stage.process(later))) == [[], [1], [2], [1]]
