"""A data set through the networks: one face a photo, described once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import Batch
from engines.backends.base import TensorSpec
from engines.backends.fake import FakeEngine
from pipeline.arrays import F32
from pipeline.assemble.recognition import Recognition
from pipeline.capture.photo_set import PhotoEntry, open_photo_set
from pipeline.commands.evaluations.faces import FOLDER, SeenFace, describe_faces, describe_set, seen_faces
from pipeline.embedding.embedder import Embedder
from pipeline.errors import BadInputError, OutsideError
from pipeline.gallery.painted import PaintedFace
from pipeline.types import Faces
from tests.commands.evaluations.painted_sets import (
    CROP_PX,
    PaintedDetector,
    painted_recognition,
    write_people,
)
from tests.commands.painted_photos import make, write_photo


def replace_in_place(photo: Path, by: Path) -> None:
    """The other photo under this name, of the same size and time."""
    before = photo.stat()
    other = by.read_bytes().ljust(before.st_size, b"\0")  # what follows a PNG's end is nothing
    photo.write_bytes(other)
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(other) == before.st_size


@pytest.fixture
def detector() -> PaintedDetector:
    return PaintedDetector()


@pytest.fixture
def recognition(detector: PaintedDetector) -> Iterator[Recognition]:
    with painted_recognition(detector) as opened:
        yield opened


def test_a_row_a_photo(tmp_path: Path, recognition: Recognition) -> None:
    found = describe_set(make(tmp_path), recognition, open_photo_set(write_people(tmp_path / "set")))
    assert found.names[:2] == ("Ann/Ann_0001.png", "Ann/Ann_0002.png")
    assert found.person_numbers.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert found.found.all()
    assert found.flipped.shape == (0, 64)
    np.testing.assert_array_equal(found.boxes, np.tile(np.array([[40, 30, 140, 150]], np.float32), (12, 1)))
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1.0, atol=1e-6)
    assert (
        np.sum((found.vectors[0] - found.vectors[1]) ** 2)
        < 0.1
        < np.sum((found.vectors[0] - found.vectors[3]) ** 2)
    )
    assert found.parts.shape == (12, len(found.part_names))


def test_of_several_faces_the_photo_is_of_the_large_one_near_its_middle(
    tmp_path: Path, recognition: Recognition
) -> None:
    bystander = PaintedFace(240, box=(0, 0, 90, 90))
    write_photo(tmp_path / "Ann" / "1.png", bystander, PaintedFace(16, box=(80, 50, 160, 140)))
    (seen,) = seen_faces(make(tmp_path), recognition, open_photo_set(tmp_path))
    assert seen.face.boxes.tolist() == [[80, 50, 160, 140]]
    assert seen.crop.shape == (CROP_PX, CROP_PX, 3)
    assert seen.crop[..., 0].tolist() == np.full((CROP_PX, CROP_PX), 16).tolist()


def test_where_no_face_is_found_the_middle_is_described(tmp_path: Path, recognition: Recognition) -> None:
    write_photo(tmp_path / "set" / "Ann" / "1.png")
    found = describe_set(make(tmp_path), recognition, open_photo_set(tmp_path / "set"))
    assert found.found.tolist() == [False]
    assert found.quality.tolist() == [0.0]
    assert found.boxes.tolist() == [[0, 0, 0, 0]]
    assert np.linalg.norm(found.vectors[0]) == pytest.approx(1.0)


def test_a_second_run_looks_at_nothing(
    tmp_path: Path, recognition: Recognition, detector: PaintedDetector
) -> None:
    context, photo_set = make(tmp_path), open_photo_set(write_people(tmp_path / "set", photos=1))
    first = describe_set(context, recognition, photo_set)
    again = describe_set(context, recognition, open_photo_set(tmp_path / "set"))
    assert detector.seen == 4
    np.testing.assert_array_equal(again.vectors, first.vectors)
    assert again.names == first.names


def test_what_decides_a_vector_decides_whether_it_is_made_anew(
    tmp_path: Path, recognition: Recognition, detector: PaintedDetector
) -> None:
    context, photo_set = make(tmp_path), open_photo_set(write_people(tmp_path / "set", photos=1))
    describe_set(context, recognition, photo_set)
    with painted_recognition(detector, recipe="another crop") as other:
        describe_set(context, other, photo_set)
    assert detector.seen == 8
    replace_in_place(tmp_path / "set/Ann/Ann_0001.png", by=tmp_path / "set/Bo/Bo_0001.png")
    found = describe_set(context, recognition, open_photo_set(tmp_path / "set"))
    assert detector.seen == 12
    np.testing.assert_array_equal(found.vectors[0], found.vectors[1])
    with painted_recognition(detector, recipe="") as unknown:
        describe_set(context, unknown, photo_set)
        describe_set(context, unknown, photo_set)
    assert detector.seen == 20


def test_what_was_described_with_its_mirror_image_serves_without(
    tmp_path: Path, recognition: Recognition, detector: PaintedDetector
) -> None:
    context, photo_set = make(tmp_path), open_photo_set(write_people(tmp_path / "set", photos=1))
    both = describe_set(context, recognition, photo_set, flipped=True)
    assert both.flipped.shape == both.vectors.shape
    plain = describe_set(context, recognition, photo_set)
    assert detector.seen == 4
    assert plain.flipped.shape == (0, 64)
    np.testing.assert_array_equal(plain.vectors, both.vectors)


def test_a_damaged_file_of_vectors_is_made_anew(
    tmp_path: Path, recognition: Recognition, detector: PaintedDetector
) -> None:
    context, photo_set = make(tmp_path), open_photo_set(write_people(tmp_path / "set", photos=1))
    describe_set(context, recognition, photo_set)
    (kept,) = (tmp_path / FOLDER).iterdir()
    kept.write_bytes(kept.read_bytes()[:500])
    describe_set(context, recognition, photo_set)
    describe_set(context, recognition, photo_set)
    assert detector.seen == 8


def test_photos_that_cannot_be_read_are_told_of_and_left_out(
    tmp_path: Path, recognition: Recognition, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_people(tmp_path / "set", photos=1)
    for number in range(5):
        (root / "Ann" / f"bad_{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    found = describe_set(make(tmp_path), recognition, open_photo_set(root))
    assert len(found) == 4
    said = capsys.readouterr().err.splitlines()
    assert ["bad_" in line for line in said] == [True, True, True, False]
    assert said[-1] == "and 2 more photos that cannot be read"
    assert len(describe_set(make(tmp_path), recognition, open_photo_set(root))) == 4
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{root}: 5 of 9 photos cannot be read and are left out"], (
        "also where nothing is looked at"
    )


def test_a_set_of_which_nothing_can_be_read_is_bad_input(tmp_path: Path, recognition: Recognition) -> None:
    (tmp_path / "set" / "Ann").mkdir(parents=True)
    (tmp_path / "set" / "Ann" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    with pytest.raises(BadInputError, match="set: none of its photos can be read"):
        describe_set(make(tmp_path), recognition, open_photo_set(tmp_path / "set"))


def test_a_data_folder_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, recognition: Recognition, detector: PaintedDetector
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FOLDER).write_text("a file", "utf-8")
    photo_set = open_photo_set(write_people(tmp_path / "set", photos=1))
    with pytest.raises(OutsideError, match=r"cannot be made .* name another folder with --data"):
        describe_set(make(tmp_path / "data"), recognition, photo_set)
    assert detector.seen == 0


def test_a_flipped_crop_is_mirrored_left_to_right(tmp_path: Path) -> None:
    def corners(given: Mapping[str, Batch]) -> Mapping[str, F32]:
        crops = given["crops"][..., 0].astype(np.float32)
        seen = [crops[:, 0, 0], crops[:, 0, -1], crops[:, -1, 0], crops[:, -1, -1]]
        return {"vectors": np.stack(seen, axis=1)}

    inputs = (TensorSpec("crops", ("n", 2, 2, 3), "uint8"),)
    image = np.array([[[10] * 3, [60] * 3], [[110] * 3, [160] * 3]], np.uint8)
    none = SeenFace(PhotoEntry("a/1.png", "a", "a"), Faces.none(), image)
    with (
        FakeEngine(corners, inputs, (TensorSpec("vectors", ("n", 4)),)) as engine,
        painted_recognition(PaintedDetector()) as painted,
    ):
        embedder = Embedder(engine, "corners", 4)
        recognition = Recognition(replace(painted.networks, embedder=embedder))
        found = describe_faces(recognition, [none], flipped=True)
    np.testing.assert_allclose(found.flipped[0], found.vectors[0][[1, 0, 3, 2]], atol=1e-6)
