"""Quality falls with each defect, and only the part of that defect."""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest

from pipeline.alignment.quality import RATE, Quality, assess, judge, parts_of
from pipeline.arrays import F32, U8
from pipeline.types import Faces

SIDE = 160
FRONTAL = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.57), (0.35, 0.72), (0.65, 0.72)], np.float32)
PARTS = ("size", "sharpness", "pose", "exposure", "detection")
"""those that a painted face can be good in: the occlusion network knows that it is none"""


def face_like() -> U8:
    """Light skin, dark eyes, brows, nostrils and mouth, and a little seeded texture: (S, S, 3)."""
    image = np.full((SIDE, SIDE, 3), 165, np.uint8)
    for x in (0.32, 0.68):
        centre = (int(x * SIDE), int(0.4 * SIDE))
        cv2.ellipse(image, centre, (14, 6), 0, 0, 360, (50, 40, 35), -1)
        cv2.ellipse(image, (centre[0], centre[1] - 16), (18, 4), 0, 0, 360, (70, 55, 50), -1)
    cv2.line(image, (80, 66), (74, 94), (120, 100, 95), 3)
    for x in (0.46, 0.54):
        cv2.circle(image, (int(x * SIDE), int(0.61 * SIDE)), 3, (60, 45, 40), -1)
    cv2.ellipse(image, (80, 118), (24, 7), 0, 0, 360, (110, 50, 50), -1)
    texture = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.asarray(np.clip(image + cv2.GaussianBlur(texture, (0, 0), 1.2), 0, 255), dtype=np.uint8)


def faces_of(shorter_px: float = 100.0, landmarks: F32 = FRONTAL, score: float = 0.95) -> Faces:
    box = np.array([[0, 0, shorter_px, shorter_px * 1.3]], np.float32)
    return Faces(box, (landmarks * shorter_px)[None].astype(np.float32), np.array([score], np.float32))


def quality(crop: U8 | None = None, faces: Faces | None = None) -> Quality:
    return assess((face_like() if crop is None else crop)[None], faces_of() if faces is None else faces)


def assert_falls(qualities: list[Quality], part: str) -> None:
    """This part falls strictly from one to the next, and overall from the first to the last."""
    overall = [float(each.overall[0]) for each in qualities]
    named = [float(getattr(each, part)[0]) for each in qualities]
    assert overall[0] > overall[-1]
    assert named == sorted(named, reverse=True)
    assert len(set(named)) == len(named)


def turned(by: float) -> F32:
    """The nose moved sideways by a part of the eyes' distance."""
    points = FRONTAL.copy()
    points[2, 0] += by * 0.4
    return points


def nodded(by: float) -> F32:
    """The nose moved down by a part of the way from eyes to mouth."""
    points = FRONTAL.copy()
    points[2, 1] += by * 0.32
    return points


def rolled(degrees: float) -> F32:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray((FRONTAL - 0.5) @ turn.T + 0.5, dtype=np.float32)


def test_a_good_photo_is_good_in_every_part() -> None:
    good = quality()

    assert {part: float(getattr(good, part)[0]) > 0.9 for part in PARTS} == dict.fromkeys(PARTS, True)
    assert good.overall[0] / good.occlusion[0] > 0.85


def test_overall_is_the_product_of_all_parts() -> None:
    found = quality((face_like() * 0.3).astype(np.uint8), faces_of(40.0, turned(0.5), 0.8))

    expected = np.prod([getattr(found, field.name) for field in fields(Quality)], axis=0)
    np.testing.assert_allclose(found.overall, expected, rtol=1e-6)


def test_parts_are_told_by_name() -> None:
    dark = (face_like() * 0.1).astype(np.uint8)
    told = parts_of(dark[None], faces_of())
    assert told.names == (*PARTS, "occlusion")
    assert next(iter(told.of(0))) == "exposure"
    assert told.of(0)["exposure"] == pytest.approx(float(quality(dark).exposure[0]))


def test_smaller_is_worse() -> None:
    assert_falls([quality(faces=faces_of(shorter_px)) for shorter_px in (100, 60, 40, 25, 15, 9)], "size")


def test_blurred_is_worse() -> None:
    blurred = [cv2.GaussianBlur(face_like(), (0, 0), sigma).astype(np.uint8) for sigma in (2, 4, 6, 9)]

    assert_falls([quality(), *(quality(crop) for crop in blurred)], "sharpness")


@pytest.mark.parametrize("along", [0, 1], ids=["sideways", "down"])
def test_moving_is_worse(along: int) -> None:
    def smeared(length: int) -> U8:
        kernel = np.full((1, length) if along == 0 else (length, 1), 1 / length, np.float32)
        return np.asarray(cv2.filter2D(face_like(), -1, kernel), dtype=np.uint8)

    assert_falls([quality(), *(quality(smeared(length)) for length in (11, 21, 31))], "sharpness")


def test_upscaling_is_not_blur() -> None:
    small = cv2.resize(face_like(), (36, 36), interpolation=cv2.INTER_AREA)
    upscaled = np.asarray(cv2.resize(small, (SIDE, SIDE)), dtype=np.uint8)

    found = quality(upscaled, faces_of(28.0))

    assert found.sharpness[0] > 0.8
    assert found.size[0] < 0.7


def test_darker_is_worse() -> None:
    assert_falls(
        [quality((face_like() * gain).astype(np.uint8)) for gain in (1.0, 0.4, 0.25, 0.1)], "exposure"
    )


def test_clipped_white_is_worse() -> None:
    bright = [np.clip(face_like() * gain, 0, 255).astype(np.uint8) for gain in (1.0, 1.6, 3.0, 8.0)]

    assert_falls([quality(crop) for crop in bright], "exposure")


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_turned_head_is_worse(sign: float) -> None:
    assert_falls(
        [quality(faces=faces_of(landmarks=turned(sign * by))) for by in (0.0, 0.4, 0.6, 0.9)], "pose"
    )


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_nodding_head_is_worse(sign: float) -> None:
    assert_falls(
        [quality(faces=faces_of(landmarks=nodded(sign * by))) for by in (0.0, 0.15, 0.25, 0.4)], "pose"
    )


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_tilted_head_is_worse(sign: float) -> None:
    assert_falls(
        [quality(faces=faces_of(landmarks=rolled(sign * by))) for by in (0.0, 20.0, 45.0, 80.0)], "pose"
    )


def test_a_profile_whose_eyes_coincide_is_bad_and_finite() -> None:
    points = FRONTAL.copy()
    points[1] = points[0]

    assert 0.0 <= quality(faces=faces_of(landmarks=points)).pose[0] < 0.1


def test_a_doubtful_detection_is_worse() -> None:
    assert_falls([quality(faces=faces_of(score=score)) for score in (0.95, 0.8, 0.6, 0.3)], "detection")


def test_rows_do_not_influence_each_other() -> None:
    dark = (face_like() * 0.2).astype(np.uint8)
    both = Faces(
        np.concatenate([faces_of().boxes, faces_of(30.0).boxes]),
        np.concatenate([faces_of().landmarks, faces_of(30.0).landmarks]),
        np.array([0.95, 0.6], np.float32),
    )

    together = judge(np.stack([face_like(), dark]), both)

    alone = [judge(crop[None], both.take(np.array([row]))) for row, crop in enumerate((face_like(), dark))]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_any_crop_gives_a_quality_between_0_and_1() -> None:
    crops = np.stack([np.full((SIDE, SIDE, 3), value, np.uint8) for value in (0, 128, 255)])
    none = Faces(np.zeros((3, 4), np.float32), np.zeros((3, 5, 2), np.float32), np.zeros(3, np.float32))

    found = judge(crops, none)

    assert np.all((found >= 0.0) & (found < 0.01))


def test_no_faces() -> None:
    assert judge(np.zeros((0, SIDE, SIDE, 3), np.uint8), Faces.none()).shape == (0,)


def test_crops_of_other_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="crops must have 1 rows, one a face, got 2"):
        assess(np.stack([face_like()] * 2), faces_of())


def test_a_part_is_what_its_cost_leaves() -> None:
    """A score of 0.5 costs 0.4, a face of 24 px 0.29: the docstring's 0.23 is half of the quality."""
    assert quality(faces=faces_of(score=0.5)).detection[0] == pytest.approx(np.exp(-3.0 * 0.4))
    assert quality(faces=faces_of(shorter_px=24)).size[0] == pytest.approx(np.exp(-3.0 * 0.29))
    assert np.exp(-RATE * 0.23) == pytest.approx(0.5, abs=0.005)
