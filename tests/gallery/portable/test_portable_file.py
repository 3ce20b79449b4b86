"""Portable files that are damaged, foreign or hostile: one line, and nothing is imported."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import GalleryError
from pipeline.gallery.portable.portable_file import PortableFile
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from tests.gallery.portable_people import fill, png, read, write


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file of three people."""
    with Store(tmp_path / "first") as store:
        fill(store)
        return write(store, tmp_path / "people.zip")


Change = Callable[[dict[str, bytes]], None]


def rewritten(path: Path, change: Change, out: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    """The file with its members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out


def line_changed(member: str, /, **values: object) -> Change:
    """The first line of a member with other values, and the manifest true to it."""

    def change(members: dict[str, bytes]) -> None:
        first, _, rest = members[member].partition(b"\n")
        members[member] = json.dumps({**json.loads(first), **values}).encode() + b"\n" + rest
        resign(members, member)

    return change


def resign(members: dict[str, bytes], name: str) -> None:
    manifest = json.loads(members["manifest.json"])
    manifest["files"][name] = {"bytes": len(members[name]), "sha256": sha256(members[name]).hexdigest()}
    members["manifest.json"] = json.dumps(manifest).encode()


def manifest_changed(**values: object) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **values}).encode()

    return change


def flipped(name: str) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members[name] = members[name][:-2] + bytes([members[name][-2] ^ 1]) + members[name][-1:]

    return change


def crop_changed(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.startswith("crops/"))
    members[name] += b"x"


def crop_missing(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.startswith("crops/"))]


def spare_crop(members: dict[str, bytes]) -> None:
    members[f"crops/{'0' * 64}.png"] = png()


def pickled(members: dict[str, bytes]) -> None:
    with io.BytesIO() as out:
        np.save(out, np.array([{}] * 4, object), allow_pickle=True)
        members["vectors/0.npy"] = out.getvalue()
    resign(members, "vectors/0.npy")


def not_unit(members: dict[str, bytes]) -> None:
    members["vectors/0.npy"] = members["vectors/0.npy"][:-4] + struct.pack("<f", 9.0)
    resign(members, "vectors/0.npy")


def two_of_one_name(members: dict[str, bytes]) -> None:
    second = json.loads(members["people.jsonl"].splitlines()[1])
    line_changed("people.jsonl", name=second["name"])(members)


def bomb_png(members: dict[str, bytes]) -> None:
    data = png(100_000, 100_000)
    name = sha256(data).hexdigest()
    members[f"crops/{name}.png"] = data
    line_changed("templates.jsonl", crop={"sha256": name, "box": [0.0] * 4, "landmarks": [0.0] * 10})(members)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (flipped("people.jsonl"), "people.jsonl is not what it was"),
        (flipped("vectors/0.npy"), "vectors/0.npy is not what it was"),
        (crop_changed, "is not what it was"),
        (crop_missing, "no item named"),
        (spare_crop, "belongs to nobody"),
        (pickled, "vectors/0.npy must hold <f4"),
        (not_unit, "vector must have length 1"),
        (bomb_png, "no PNG, or larger than 4096 pixels"),
        (lambda m: m.update({"../../evil": b"x"}), "no part of this format"),
        (lambda m: m.pop("manifest.json"), "has no manifest.json"),
        (lambda m: m.update({"manifest.json": b"[" * 100_000}), "nested too deeply"),
        (lambda m: m.update({"manifest.json": b" " * (1 << 21)}), "manifest.json is too large"),
        (manifest_changed(format="other"), "is not one of people"),
        (manifest_changed(counts={"people": 4, "templates": 5, "crops": 4, "watchlists": 2}), "by the manifest"),
        (manifest_changed(more=1), "Extra inputs"),
        (line_changed("people.jsonl", name="a\x1bb"), r"must not have the character U\+001B"),
        (line_changed("people.jsonl", name=" Ann"), "would be kept as"),
        (two_of_one_name, "two people are called"),
        (line_changed("people.jsonl", name="\ud800"), "Invalid JSON"),
        (line_changed("people.jsonl", name="x" * 100_000), "cut off, or too long"),
        (line_changed("people.jsonl", id="../../x"), "id"),
        (line_changed("people.jsonl", created_at="yesterday"), "created_at"),
        (line_changed("people.jsonl", retain_until=7), "retain_until"),
        (line_changed("people.jsonl", watchlists=["none"]), "on a list that is not there"),
        (line_changed("templates.jsonl", row=1), "row 1 comes out of turn"),
        (line_changed("templates.jsonl", model=9), "there is no model 9"),
        (line_changed("templates.jsonl", quality=float("nan")), "quality"),
        (line_changed("templates.jsonl", person="p_ffffffffffff"), "comes out of turn"),
        (line_changed("watchlists.jsonl", purpose=""), "needs a purpose"),
    ],
)  # fmt: skip
def test_what_is_damaged_or_hostile_is_one_line_and_nothing_is_imported(
    filled: Path, tmp_path: Path, change: Change, says: str
) -> None:
    path = rewritten(filled, change, tmp_path / "changed")
    with Store(tmp_path / "other") as store:
        with pytest.raises(GalleryError, match=says) as error:
            read(store, path)
        assert "\n" not in str(error.value)
        assert str(error.value).startswith(f"{path}: is no whole file of 'people export' (")
        assert store.version() == 0
        assert Watchlists(store.database).all() == ()


def test_a_newer_file_says_so(filled: Path, tmp_path: Path) -> None:
    path = rewritten(filled, manifest_changed(version=2), tmp_path / "newer")
    with pytest.raises(GalleryError, match="written by a newer Facestream"), PortableFile(path):
        pass


def test_compressed_members_are_refused(filled: Path, tmp_path: Path) -> None:
    path = rewritten(filled, lambda m: None, tmp_path / "small", zipfile.ZIP_DEFLATED)
    with pytest.raises(GalleryError, match="is compressed, and ours are not"), PortableFile(path):
        pass


@cache
def a_whole_file() -> bytes:
    with TemporaryDirectory() as folder, Store(Path(folder, "a")) as store:
        fill(store)
        return write(store, Path(folder, "people")).read_bytes()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_damage_is_a_traceback(data: st.DataObject) -> None:
    """Any file cut off anywhere, or with any byte changed, is refused in one line, or is as good as before."""
    whole = a_whole_file()
    with TemporaryDirectory() as folder:
        place = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()):
            bad = whole[:place]
        else:
            bad = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
        Path(folder, "bad").write_bytes(bad)
        with suppress(GalleryError), PortableFile(Path(folder, "bad")) as file:
            file.verify()


def test_a_file_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="cannot be read"), PortableFile(tmp_path / "missing"):
        pass
    os.mkdir(tmp_path / "folder")
    with pytest.raises(GalleryError, match="cannot be read"), PortableFile(tmp_path / "folder"):
        pass
