"""Pictures as files: the face as it was, the frame scaled, both whole or not there, and what they say of themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays import U8
from pipeline.events.pictures.shots import Kept, Shot, Still
from pipeline.events.pictures.snapshot_files import about_face, develop, write_pictures
from pipeline.gallery.keeping.picture_about import comment_of
from pipeline.gallery.keeping.snapshots import face_of
from pipeline.pixels import HostPixels
from tests.events.made_shots import about, info, noise, shot


def decoded(jpeg: bytes | None) -> U8:
    """(H, W, 3) RGB"""
    assert jpeg is not None
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr[..., ::-1], np.uint8)


def big(width: int, height: int, box: tuple[float, float, float, float]) -> Shot:
    """A frame of one colour with a face of another."""
    frame = np.full((height, width, 3), (40, 80, 160), np.uint8)
    x0, y0, x1, y1 = (int(side) for side in box)
    frame[max(y0, 0) : y1, max(x0, 0) : x1] = (200, 60, 20)
    return Shot(Still(info(0, width=width, height=height), HostPixels(frame)), np.array(box, np.float32), 0.5)


def test_a_frame_is_scaled_down_and_never_up_and_a_face_keeps_its_size() -> None:
    one = big(1920, 1080, (900, 400, 1000, 520))
    develop(one.still, [one], 1280, 85)
    assert decoded(one.still.jpeg).shape == (720, 1280, 3)
    face = decoded(one.face)
    assert face.shape == (216, 196, 3)
    assert np.allclose(face[108, 98].astype(int), (200, 60, 20), atol=6)
    assert np.allclose(face[4, 4].astype(int), (40, 80, 160), atol=6)
    small = big(320, 240, (10, 10, 60, 70))
    develop(small.still, [small], 1280, 85)
    assert decoded(small.still.jpeg).shape == (240, 320, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.floats(-200, 400, width=32)] * 4),
    st.integers(1, 150),
    st.integers(1, 150),
    st.integers(64, 200),
)
def test_any_box_and_any_frame_give_pictures(
    box: tuple[float, float, float, float], width: int, height: int, frame_px: int
) -> None:
    frame = noise(1, width, height)
    one = Shot(Still(info(0, width=width, height=height), HostPixels(frame)), np.array(box, np.float32), 0.5)
    develop(one.still, [one], frame_px, 85)
    face = decoded(one.face)
    assert 1 <= face.shape[0] <= height
    assert 1 <= face.shape[1] <= width
    assert max(decoded(one.still.jpeg).shape[:2]) <= max(frame_px, 1)
    told = about_face(about(one), one).box
    assert all(0.0 <= side <= 1.0 for side in told)


def test_the_face_says_where_it_is_in_its_own_picture() -> None:
    one = big(1920, 1080, (900, 400, 1000, 520))
    box = about_face(about(one), one).box
    assert box == pytest.approx((48 / 196, 48 / 216, 148 / 196, 168 / 216), abs=0.01)


def test_pictures_say_what_they_show_and_name_nobody(tmp_path: Path) -> None:
    one = shot(3)
    develop(one.still, [one], 1280, 85)
    kept = Kept("snapshots/2026-05-01/door/k3f9-1.jpg", "door:k3f9:1", one)
    grown = write_pictures(tmp_path, kept, about(one))
    path = tmp_path / kept.path
    assert grown == path.stat().st_size + face_of(path).stat().st_size
    told = json.loads(comment_of(path.read_bytes()) or "")
    assert told == {
        "camera": "door",
        "sighting_id": "door:k3f9:1",
        "taken_at": "2026-05-01T09:00:00.300+00:00",
        "frame_index": 3,
        "pts_s": 0.3,
        "quality": 0.5,
        "box": [0.2, 0.15, 0.42, 0.53],
    }
    face = json.loads(comment_of(face_of(path).read_bytes()) or "")
    assert {key for key in told if told[key] != face[key]} == {"box"}
    assert write_pictures(tmp_path, kept, about(one)) == 0


def test_a_write_that_fails_leaves_the_earlier_picture_and_no_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, better = shot(1), shot(2)
    for each in (one, better):
        develop(each.still, [each], 1280, 85)
    path = "snapshots/2026-05-01/door/k3f9-1.jpg"
    write_pictures(tmp_path, Kept(path, "door:k3f9:1", one), about(one))
    before = (tmp_path / path).read_bytes()

    def full(old: Path, new: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_pictures(tmp_path, Kept(path, "door:k3f9:1", better), about(better))
    assert (tmp_path / path).read_bytes() == before
    assert len(list((tmp_path / path).parent.iterdir())) == 2


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    one = shot(1)
    develop(one.still, [one], 1280, 85)
    kept = Kept("snapshots/2026-05-01/door/k3f9-1.jpg", "door:k3f9:1", one)
    folder = (tmp_path / kept.path).parent
    folder.mkdir(parents=True)
    precious = tmp_path / "precious"
    precious.write_text("stays")
    (folder / ".k3f9-1-face.jpg.part").symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"):
        write_pictures(tmp_path, kept, about(one))
    assert precious.read_text() == "stays"


def test_a_shot_that_was_not_developed_cannot_be_written(tmp_path: Path) -> None:
    one = shot()
    with pytest.raises(ValueError, match="nothing was left to make a picture of"):
        write_pictures(tmp_path, Kept("snapshots/x.jpg", "door:k3f9:1", one), about(one))
