"""Values check themselves once, when they are made."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.pixels import HostPixels
from pipeline.types import Aligned, Embedded, Faces, FrameInfo, GalleryState, Matched

INFO = FrameInfo("door", 0, 0.0, datetime(1970, 1, 1, tzinfo=UTC), 64, 48, 0)
IDS = np.array([1, 2], np.int64)
SEEN = np.array([True, False])
QUALITY = np.zeros(2, np.float32)


def faces(count: int) -> Faces:
    return Faces(
        np.arange(count * 4, dtype=np.float32).reshape(count, 4),
        np.zeros((count, 5, 2), np.float32),
        np.linspace(0, 1, count, dtype=np.float32),
    )


def aligned(rows: list[int], crops: HostPixels) -> Aligned:
    return Aligned(INFO, faces(2), IDS, SEEN, QUALITY, np.array(rows, np.int64), crops)


def crops_of(count: int) -> HostPixels:
    return HostPixels(np.zeros((count, 8, 8, 3), np.uint8))


class TestFaces:
    def test_row_i_is_the_same_face_in_every_array(self) -> None:
        with pytest.raises(ValueError, match="scores must have 2 rows"):
            Faces(faces(2).boxes, faces(2).landmarks, faces(3).scores)

    def test_taken_by_rows_or_by_a_mask(self) -> None:
        three = faces(3)
        for rows in (np.array([2, 0], np.int64), np.array([True, False, True])):
            taken = three.take(rows)
            assert taken.boxes.tolist() == three.boxes[rows].tolist()
            assert taken.scores.tolist() == three.scores[rows].tolist()
        assert len(Faces.none()) == 0


def test_a_crop_is_of_one_face() -> None:
    assert len(aligned([1], crops_of(1)).rows) == 1
    with pytest.raises(ValueError, match=r"crops must be \(2, S, S, 3\), got \(1, 8, 8, 3\)"):
        aligned([0, 1], crops_of(1))


def test_a_vector_is_of_one_crop() -> None:
    with pytest.raises(ValueError, match="vectors must have 1 rows"):
        Embedded(aligned([1], crops_of(1)), np.zeros((2, 4), np.float32), "m")


def test_a_match_frame_has_as_many_tracks_as_faces() -> None:
    with pytest.raises(ValueError, match="track_ids must have 3 rows"):
        Matched(INFO, faces(3), IDS, SEEN, QUALITY, (), GalleryState(1, 0.9))
