"""Described faces: rows that stay together, in memory and in a file."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from engines.evaluation.face_set import FaceSet, joined, read_face_set


def face_set(*names: str, flipped: bool = True) -> FaceSet:
    """Ann/1/a.jpg: person Ann, group Ann/1; all else drawn by the names."""
    rows = len(names)
    chance = np.random.default_rng(len("".join(names)))
    drawn = chance.normal(size=(rows, 4)).astype(np.float32)
    return FaceSet(
        names=names,
        people=tuple(name.split("/")[0] for name in names),
        groups=tuple(name.rpartition("/")[0] for name in names),
        found=chance.random(rows) < 0.5,
        vectors=drawn,
        flipped=-drawn if flipped else drawn[:0],
        quality=drawn[:, 0],
        parts=drawn[:, :2],
        part_names=("size", "pose"),
        boxes=drawn,
    )


def same(a: FaceSet, b: FaceSet) -> bool:
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(FaceSet))


FACES = face_set("Bo/1/a.jpg", "Ann/2/a.jpg", "Ann/2/b.jpg", "Ann/1/a.jpg")


def test_people_and_groups_are_counted_by_name() -> None:
    assert FACES.person_numbers.tolist() == [1, 0, 0, 0]
    assert FACES.group_numbers.tolist() == [2, 1, 1, 0]
    assert len(FACES) == 4


@pytest.mark.parametrize("flipped", [True, False])
def test_parts_joined_are_the_whole(flipped: bool) -> None:
    faces = face_set("Bo/1/a.jpg", "Ann/2/a.jpg", "Ann/2/b.jpg", flipped=flipped)
    assert same(joined([faces.take([0]), faces.take(np.array([1, 2]))]), faces)
    assert same(joined([faces]), faces)


def test_rows_are_taken_together_and_in_order() -> None:
    taken = FACES.take([3, 0])
    assert taken.names == ("Ann/1/a.jpg", "Bo/1/a.jpg")
    assert taken.people == ("Ann", "Bo")
    assert taken.part_names == FACES.part_names
    np.testing.assert_array_equal(taken.vectors, FACES.vectors[[3, 0]])
    np.testing.assert_array_equal(taken.flipped, FACES.flipped[[3, 0]])
    assert len(FACES.take([])) == 0


def test_some_people_are_left_out() -> None:
    assert FACES.without({"Bo", "Nobody"}).names == ("Ann/2/a.jpg", "Ann/2/b.jpg", "Ann/1/a.jpg")
    assert same(FACES.without(()), FACES)
    assert len(FACES.without({"Ann", "Bo"})) == 0
    assert FACES.take([]).vectors.shape == (0, 4)


@pytest.mark.parametrize("flipped", [True, False])
def test_what_is_written_is_read(tmp_path: Path, flipped: bool) -> None:
    faces = face_set("Zoë/1/a.jpg", "Ann/2/#.jpg#2", flipped=flipped)
    path = tmp_path / "kept.npz"
    faces.write(path)
    faces.write(path)
    read = read_face_set(path)
    assert read is not None
    assert same(read, faces)
    assert [file.name for file in tmp_path.iterdir()] == ["kept.npz"]


def test_what_is_not_whole_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    assert read_face_set(path) is None
    FACES.write(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], b"no archive"):
        path.write_bytes(damaged)
        assert read_face_set(path) is None
    # each file's entry in the directory says: of a newer version, encrypted, patched, packed by nobody's method
    for place, value in ((6, 200), (8, 1), (8, 32), (10, 99)):
        odd = bytearray(whole)
        for entry in range(len(whole)):
            if whole[entry : entry + 4] == b"PK\x01\x02":
                odd[entry + place] = value
        path.write_bytes(odd)
        assert read_face_set(path) is None
    np.savez(path, names=np.array(["a"]))
    assert read_face_set(path) is None


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="quality must have 4 rows, one a photo, got 3"):
        replace(FACES, quality=FACES.quality[:3])
    with pytest.raises(ValueError, match="names must be different"):
        replace(FACES, names=("a", "b", "c", "a"))
    with pytest.raises(ValueError, match="flipped must have 4 rows or none, got 1"):
        replace(FACES, flipped=FACES.flipped[:1])
