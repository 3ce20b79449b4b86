"""What a picture says of itself can be read by others, and by us whatever a file holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.gallery.keeping.picture_about import ENOUGH, About, comment_of, head_of, taken_at, with_comment

AT = datetime(2026, 5, 1, 9, 0, 0, 250_000, UTC)
ABOUT = About("door", "door:k3f9:17", AT, 812, 27.066, 0.83, (0.41, 0.22, 0.5, 0.39))


def jpeg(quality: int = 85) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def test_a_comment_is_read_by_others_and_changes_no_pixel() -> None:
    plain = jpeg()
    told = with_comment(plain, ABOUT.text())
    image = Image.open(BytesIO(told))
    assert image.info["comment"].decode() == ABOUT.text() == comment_of(told)
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(BytesIO(plain))))
    assert taken_at(told[:ENOUGH]) == AT


def test_a_jpeg_without_a_header_takes_one_too() -> None:
    plain = jpeg()
    bare = plain[:2] + plain[20:]
    assert bare[2:4] != b"\xff\xe0"
    assert comment_of(with_comment(bare, "x")) == "x"


def test_what_is_no_jpeg_takes_none() -> None:
    with pytest.raises(ValueError, match="must be a JPEG"):
        with_comment(b"\x89PNG", "x")


@given(st.binary(max_size=300))
def test_anything_may_be_read(content: bytes) -> None:
    for head in (content, b"\xff\xd8" + content, with_comment(jpeg(), "")[: len(content)]):
        assert taken_at(head) is None


def test_a_picture_that_does_not_say_when_it_was_taken(tmp_path: Path) -> None:
    assert taken_at(jpeg()) is None
    assert taken_at(with_comment(jpeg(), "holiday")) is None
    assert taken_at(with_comment(jpeg(), '{"taken_at": 3}')) is None
    assert taken_at(head_of(tmp_path / "missing.jpg")) is None


@given(st.text(max_size=3000), st.text(max_size=3000))
def test_the_longest_comment_is_within_what_is_read_of_a_file(camera: str, run: str) -> None:
    told = with_comment(jpeg(), replace(ABOUT, camera=camera, sighting_id=f"{camera}:{run}:17").text())
    assert taken_at(told[:ENOUGH]) == AT
