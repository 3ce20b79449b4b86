"""Quality on a real recording: a frontal speaker, a profile, and a shot too dark to tell anybody."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.zoo.catalogue import Catalogue
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import CropRule
from pipeline.alignment.quality import judge
from pipeline.arrays import F32, U8
from pipeline.detection.centerface import CenterFace

pytestmark = [pytest.mark.models, pytest.mark.data]
FRAMES = {"profile": 25, "dark": 75, "frontal": 150}


@pytest.fixture(scope="module")
def frames(videos: Path) -> dict[str, U8]:
    """Frames of hamilton_640x360.mp4 (H, W, 3) RGB, by what they show."""
    capture = cv2.VideoCapture(str(videos / "hamilton_640x360.mp4"))
    decoded = [capture.read()[1] for _ in range(max(FRAMES.values()) + 1)]
    capture.release()
    return {
        name: np.ascontiguousarray(decoded[index][:, :, ::-1], dtype=np.uint8)
        for name, index in FRAMES.items()
    }


@pytest.fixture(scope="module")
def rule(catalogue: Catalogue) -> CropRule:
    crop = catalogue.model("centerface").crop
    assert crop is not None
    return CropRule(160, 0.0, 0.14, BoxTransform(np.array(crop.coefficients, np.float64)))


def qualities(centerface: CenterFace, rule: CropRule, image: U8) -> F32:
    (faces,) = centerface.detect([image])
    assert len(faces) > 0
    return judge(rule.crops(image, faces), faces)


def test_the_frontal_speaker_is_good(centerface: CenterFace, rule: CropRule, frames: dict[str, U8]) -> None:
    assert np.max(qualities(centerface, rule, frames["frontal"])) > 0.8


@pytest.mark.parametrize("shown", ["profile", "dark"])
def test_a_profile_and_a_dark_shot_are_bad(
    centerface: CenterFace, rule: CropRule, frames: dict[str, U8], shown: str
) -> None:
    assert np.max(qualities(centerface, rule, frames[shown])) < 0.1
