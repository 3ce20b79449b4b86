"""The alignment stage: crops only for faces that earn an embedding, quality for every face that was found."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.alignment.gate import GateRules
from pipeline.alignment.quality import judge as judge_of
from pipeline.alignment.quality import parts_of
from pipeline.alignment.stage import AlignmentStage
from pipeline.arrays import F32, U8
from pipeline.gallery.recogniser import QualityParts
from pipeline.pixels import HostPixels, Pixels
from pipeline.types import QUALITY_PARTS, Faces, Frame, FrameInfo, StreamEnd, Tracked

RULES = GateRules(min_quality=0.2, first_shots=1, better_by=2.0, recheck_s=10.0, recheck_known_s=10.0)


class Answers:
    """Feedback that notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def state_at(self, camera: str, frame_index: int) -> frozenset[int]:
        self.asked.append(frame_index)
        return frozenset()


def cut(pixels: Pixels, faces: Faces) -> HostPixels:
    """Crops filled with the first pixel of each box."""
    corners, image = faces.boxes[:, :2].astype(int), pixels.to_host()
    return HostPixels(np.stack([np.full((4, 4, 3), image[y, x], np.uint8) for x, y in corners]))


def judge(crops: U8, faces: Faces) -> F32:
    """The brighter, the better."""
    return np.asarray(crops[:, 0, 0, 0] / 255, dtype=np.float32)


def tracked(
    index: int, brightness: dict[int, int], unseen: tuple[int, ...] = (), small: tuple[int, ...] = ()
) -> Tracked:
    """Track t stands at x = t with this brightness."""
    image = np.zeros((10, 10, 3), np.uint8)
    for track, value in brightness.items():
        image[5, track] = value
    tracks = list(brightness)
    boxes = np.array([[t, 5, t + 1, 6] for t in tracks], np.float32).reshape(-1, 4)
    faces = Faces(boxes, np.zeros((len(tracks), 5, 2), np.float32), np.ones(len(tracks), np.float32))
    info = FrameInfo("door", index, index / 10, datetime(1970, 1, 1, tzinfo=UTC), 10, 10, 0)
    observed = np.array([t not in unseen for t in tracks], np.bool_)
    large = np.array([t not in small for t in tracks], np.bool_)
    return Tracked(Frame(info, HostPixels(image)), faces, np.array(tracks, np.int64), observed, large)


def make(feedback: Answers) -> AlignmentStage:
    return AlignmentStage(cut, judge, RULES, feedback, lag_frames=3, crop_px=4)


def test_crops_are_those_of_the_faces_that_are_due() -> None:
    (item,) = make(Answers()).process([tracked(0, {1: 200, 2: 10, 3: 100, 4: 250}, unseen=(4,))])
    assert item.rows.tolist() == [0, 2]
    assert item.crops.to_host()[:, 0, 0, 0].tolist() == [200, 100]
    assert np.allclose(item.quality, np.array([200, 10, 100, 0]) / 255)


def test_faces_that_are_only_followed_go_no_further() -> None:
    (item,) = make(Answers()).process([tracked(0, {1: 200, 2: 10, 3: 100}, small=(1,))])
    assert item.track_ids.tolist() == [2, 3]
    assert item.rows.tolist() == [1]


def test_a_frame_without_faces_costs_nothing_and_passes() -> None:
    feedback = Answers()
    (item,) = make(feedback).process([tracked(0, {})])
    assert item.crops.shape == (0, 4, 4, 3)
    assert feedback.asked == []


def test_the_gate_is_told_what_was_decided_a_fixed_number_of_frames_ago() -> None:
    feedback = Answers()
    make(feedback).process([tracked(k, {1: 200}) for k in (0, 5)])
    assert feedback.asked == [-3, 2]


def test_a_camera_that_ended_starts_anew() -> None:
    stage = make(Answers())
    assert len(stage.process([tracked(0, {1: 200})])[0].rows) == 1
    assert len(stage.process([tracked(1, {1: 200})])[0].rows) == 0
    stage.end(StreamEnd("door", 2))
    assert len(stage.process([tracked(0, {1: 200})])[0].rows) == 1


def told(crops: U8, faces: Faces) -> QualityParts:
    """Brightness as sharpness, and half of it as size; the rest is as it should be."""
    values = np.ones((len(crops), len(QUALITY_PARTS)), np.float32)
    values[:, 1] = crops[:, 0, 0, 0] / 255
    values[:, 0] = 0.5
    return QualityParts(QUALITY_PARTS, values)


def test_what_spoils_a_face_goes_along_and_its_product_is_the_quality() -> None:
    stage = AlignmentStage(cut, judge, RULES, Answers(), lag_frames=3, crop_px=4, parts=told)
    (item,) = stage.process([tracked(0, {1: 200, 2: 10, 4: 250}, unseen=(4,))])
    assert item.parts is not None
    assert item.parts[:, 1] == pytest.approx(np.array([200, 10, 0]) / 255)
    assert item.parts[2].tolist() == [0.0] * len(QUALITY_PARTS)
    assert item.quality == pytest.approx(np.array([100, 5, 0]) / 255)
    assert item.rows.tolist() == [0]


def of_another_judge(crops: U8, faces: Faces) -> QualityParts:
    """Parts that are not ours."""
    return QualityParts(("size",), np.full((len(crops), 1), 0.5, np.float32))


def test_a_judge_that_knows_no_parts_is_asked_for_the_quality() -> None:
    (item,) = make(Answers()).process([tracked(0, {1: 200})])
    assert item.parts is None
    stage = AlignmentStage(cut, judge, RULES, Answers(), lag_frames=3, crop_px=4, parts=of_another_judge)
    (item,) = stage.process([tracked(0, {1: 200})])
    assert item.parts is None
    assert item.quality.tolist() == [0.5]


def test_the_quality_is_the_same_to_the_last_bit_with_parts_and_without() -> None:
    shapes = np.random.default_rng(5)
    crops = shapes.integers(0, 255, (7, 160, 160, 3), np.uint8)
    boxes = np.array([[0, 0, 30 + at, 40 + at] for at in range(7)], np.float32)
    marks = (boxes[:, None, :2] + shapes.uniform(5, 25, (7, 5, 2))).astype(np.float32)
    faces = Faces(boxes, marks, np.linspace(0.5, 0.95, 7, dtype=np.float32))
    assert parts_of(crops, faces).overall.tobytes() == judge_of(crops, faces).tobytes()
    one = parts_of(crops[:1], faces.take(np.array([0])))
    assert one.overall.tobytes() == judge_of(crops, faces)[:1].tobytes()
