"""Data sets of people as folders and as archives."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.capture.photo_set import PhotoSet, open_photo_set
from pipeline.errors import SourceError


def png(shade: int) -> bytes:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 2] = shade  # OpenCV writes BGR: red
    return cv2.imencode(".png", image)[1].tobytes()


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def write_tar(path: Path, members: Iterable[tuple[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def pictures(photo_set: PhotoSet) -> list[U8]:
    found = [image for _, image in photo_set.photos()]
    assert not [image for image in found if isinstance(image, SourceError)]
    return [image for image in found if not isinstance(image, SourceError)]


def shades(photo_set: PhotoSet) -> list[int]:
    return [int(image[0, 0, 0]) for image in pictures(photo_set)]


def test_a_folder_is_read_sorted_and_its_outermost_folder_passed_over(tmp_path: Path) -> None:
    write_files(tmp_path, {"set/Bo/1.png": png(2), "set/Ann/2.png": png(1), "set/Ann/1.png": png(3)})
    (tmp_path / "set/README").write_text("no photo", "utf-8")
    for root in (tmp_path, tmp_path / "set"):
        found = open_photo_set(root)
        assert [entry.name for entry in found.entries] == ["Ann/1.png", "Ann/2.png", "Bo/1.png"]
        assert [entry.person for entry in found.entries] == ["Ann", "Ann", "Bo"]
        assert shades(found) == [3, 1, 2]
        assert shades(found) == [3, 1, 2], "a set may be gone through again"


def test_what_lies_between_person_and_file_is_a_group(tmp_path: Path) -> None:
    write_files(tmp_path, {"Ann/7/1.png": png(1), "Ann/8/1.png": png(2), "Bo/1.png": png(3)})
    found = open_photo_set(tmp_path)
    assert [(entry.person, entry.group) for entry in found.entries] == [
        ("Ann", "Ann/7"),
        ("Ann", "Ann/8"),
        ("Bo", "Bo"),
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_is_read_in_its_own_order(tmp_path: Path, mode: str) -> None:
    members = [("lfw/Bo/1.png", png(2)), ("lfw/README.txt", b"text"), ("lfw/Ann/1.png", png(1))]
    found = open_photo_set(write_tar(tmp_path / "set.tar", [*members, ("lfw/Ann/._1.png", b"x")], mode))
    assert [entry.name for entry in found.entries] == ["Bo/1.png", "Ann/1.png"]
    assert shades(found) == [2, 1]


def test_a_name_that_an_archive_holds_again_counts_again(tmp_path: Path) -> None:
    members = [("ytf/Ann/0/1.png", png(1)), ("ytf/Ann/0/1.png", png(2)), ("ytf/Bo/0/1.png", png(3))]
    found = open_photo_set(write_tar(tmp_path / "set.tar", members))
    assert [entry.name for entry in found.entries] == ["Ann/0/1.png", "Ann/0/1.png#2", "Bo/0/1.png"]
    assert [entry.group for entry in found.entries] == ["Ann/0", "Ann/0", "Bo/0"]
    assert shades(found) == [1, 2, 3]


def test_only_some_are_read(tmp_path: Path) -> None:
    files = {"Ann/1.png": png(1), "Ann/2.png": b"\x89PNG\r\n\x1a\n, and no more", "Bo/1.png": png(3)}
    write_files(tmp_path / "folder", files)
    archive = write_tar(tmp_path / "set.tar", files.items())
    for whole in (open_photo_set(tmp_path / "folder"), open_photo_set(archive)):
        some = whole.only(lambda entry: entry.name != "Ann/2.png")
        assert shades(some) == [1, 3]
        others = whole.only(lambda entry: entry.name != "Ann/1.png")
        assert len({some.fingerprint, others.fingerprint, whole.fingerprint}) == 3
        assert shades(some.only(lambda entry: entry.person == "Bo")) == [3]
        assert whole.only(lambda entry: True) is whole
        assert whole.only(lambda entry: False).entries == ()


def test_a_photo_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    files = {"Ann/1.png": b"\x89PNG\r\n\x1a\n, and no more", "Bo/1.png": png(3)}
    write_files(tmp_path / "folder", files)
    archive = write_tar(tmp_path / "set.tar", files.items())
    for found in (open_photo_set(tmp_path / "folder"), open_photo_set(archive)):
        first, second = [image for _, image in found.photos()]
        assert isinstance(first, SourceError)
        assert "Ann/1.png: is a" in str(first)
        assert not isinstance(second, SourceError)


def test_the_fingerprint_changes_with_the_files(tmp_path: Path) -> None:
    write_files(tmp_path, {"Ann/1.png": png(1), "Bo/1.png": png(2)})
    before = open_photo_set(tmp_path).fingerprint
    os.utime(tmp_path / "Bo/1.png", (1, 1))
    assert open_photo_set(tmp_path).fingerprint == before, "a copy of a set is that set"
    replaced, time = tmp_path / "Bo/1.png", os.stat(tmp_path / "Bo/1.png")
    replaced.write_bytes(png(3))
    os.utime(replaced, ns=(time.st_atime_ns, time.st_mtime_ns))
    assert replaced.stat().st_size == time.st_size
    after = open_photo_set(tmp_path).fingerprint
    assert after != before
    replaced.rename(tmp_path / "Bo/2.png")
    assert open_photo_set(tmp_path).fingerprint not in (before, after)


def test_the_fingerprint_changes_with_the_archive(tmp_path: Path) -> None:
    """Its members have no time, and pictures of the same size."""
    path = write_tar(tmp_path / "set.tar", [("Ann/1.png", png(1)), ("Bo/1.png", png(2))])
    before = open_photo_set(path).fingerprint
    assert open_photo_set(path).fingerprint == before
    found = set()
    for members in (
        [("Ann/1.png", png(1)), ("Bo/1.png", png(3))],
        [("Ann/1.png", png(2)), ("Bo/1.png", png(1))],
        [("Bo/1.png", png(2)), ("Ann/1.png", png(1))],
        [("Ann/1.png", png(1)), ("Bo/2.png", png(2))],
    ):
        found.add(open_photo_set(write_tar(path, members)).fingerprint)
    assert len(found - {before}) == 4


def test_what_is_no_set_says_how_to_repair(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_files(tmp_path / "flat", {"1.png": png(1), "Ann/1.png": png(2)})
    (tmp_path / "text.tar").write_text("no archive", "utf-8")
    whole = write_tar(tmp_path / "whole.tar", [(f"set/{who}/1.png", bytes(2000)) for who in "ab"])
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:2500])
    gzipped = write_tar(tmp_path / "whole.tar.gz", [("set/a/1.png", os.urandom(4000))], "w:gz")
    (tmp_path / "cut.tar.gz").write_bytes(gzipped.read_bytes()[:2000])
    for name, problem in (
        ("gone", "no such folder or archive; check the path"),
        ("empty", "holds no photo; give a folder or tar archive with a folder a person"),
        ("flat", "1.png lies in no person's folder; move it to PERSON/..."),
        ("text.tar", r"is no folder and no whole tar archive \(file could not be opened successfully\)"),
        ("cut.tar", r"is no folder and no whole tar archive \(unexpected end of data\); fetch it again"),
        ("cut.tar.gz", r"is no folder and no whole tar archive \(Compressed file ended"),
    ):
        with pytest.raises(SourceError, match=f"{name}: {problem}") as caught:
            open_photo_set(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_photo_larger_than_any_is_not_unpacked(tmp_path: Path) -> None:
    """An xz archive of a few kB can hold gigabytes of zeros; here only the header says so."""
    member = tarfile.TarInfo("set/Ann/1.png")
    member.size = (1 << 30) + 1
    path = tmp_path / "set.tar"
    with path.open("wb") as file:
        file.write(member.tobuf())
        file.truncate(512 + member.size + 511 + 1024)  # sparse: takes no room
    ((_, image),) = open_photo_set(path).photos()
    assert isinstance(image, SourceError)
    assert "larger than 1 GiB" in str(image)
