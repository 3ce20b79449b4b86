"""What the benchmarks look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks._photos import face_meant, photos_in
from pipeline.errors import SourceError
from pipeline.gallery.painted import PaintedFace
from pipeline.types import Faces
from tests.commands.painted_photos import write_photo


def test_photos_have_person_and_picture(tmp_path: Path) -> None:
    write_photo(tmp_path / "Bo" / "1.png", PaintedFace(2))
    write_photo(tmp_path / "Ann" / "1.png", PaintedFace(1))

    first, second = photos_in(tmp_path)

    assert (first.name, first.person, second.person) == ("Ann/1.png", "Ann", "Bo")
    assert first.image[60, 60].tolist() == [1, 0, 204]


def test_a_photo_that_cannot_be_read_ends_the_benchmark(tmp_path: Path) -> None:
    write_photo(tmp_path / "Ann" / "1.png")
    (tmp_path / "Ann" / "2.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"no jpeg" * 20)

    with pytest.raises(SourceError, match=r"2\.jpg: is a"):
        list(photos_in(tmp_path))


def test_the_face_meant_is_large_and_central() -> None:
    image = np.zeros((250, 250, 3), np.uint8)
    boxes = np.array([[0, 0, 110, 110], [80, 70, 170, 180], [120, 120, 130, 130]], np.float32)
    faces = Faces(boxes, np.zeros((3, 5, 2), np.float32), np.ones(3, np.float32))

    np.testing.assert_array_equal(face_meant(faces, image).boxes, boxes[1:2])
    assert len(face_meant(Faces.none(), image)) == 0
