"""Portable files: what goes in comes out, from database to database; what is damaged, foreign or hostile does not."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import BadInputError, GalleryError, OutsideError
from pipeline.gallery.portable_export import export_people
from pipeline.gallery.portable_file import PortableFile
from pipeline.gallery.portable_import import Outcome, import_portable
from pipeline.gallery.records import Crop, NewPerson, NewTemplate
from pipeline.gallery.store import Store
from pipeline.gallery.watchlists import Watchlists
from tests.gallery.people import face, template


def png(width: int = 40, height: int = 30, rest: bytes = b"pixels") -> bytes:
    """The beginning of a picture, as far as it is looked at."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s2I", 13, b"IHDR", width, height) + rest


def framed(person: int, shot: int = 0, model_id: str = "model-a", dimension: int = 64) -> NewTemplate:
    """A template whose crop is a picture."""
    new = template(person, shot, model_id, dimension)
    assert new.crop is not None
    return replace(new, crop=replace(new.crop, png=png(rest=f"{person}-{shot}".encode())))


@dataclass(frozen=True)
class Kept:
    """All that a gallery knows, but numbers that it gave itself."""

    people: frozenset[object]
    templates: frozenset[object]
    lists: frozenset[object]


def kept(store: Store) -> Kept:
    lists = Watchlists(store.database)
    people = [one.person for one in store.people()]
    found = set()
    for person in people:
        for one in store.templates_of(person.id):
            crop = store.crop(one.label)
            face_of = None if crop is None else (crop.png, crop.box.tobytes(), crop.landmarks.tobytes())
            plain = (one.person_id, one.model_id, one.vector.tobytes(), one.quality, one.source)
            found.add((*plain, one.image_sha256, one.created_at, face_of))
    return Kept(
        frozenset(people),
        frozenset(found),
        frozenset((one.watchlist, one.created_at, lists.members(one.watchlist.name)) for one in lists.all()),
    )


def fill(store: Store) -> None:
    """Two models, a person without a crop, notes, and lists, one of them empty."""
    until = datetime(2027, 5, 1, tzinfo=UTC)
    store.enroll_many(
        [
            NewPerson("Ann Lee", (framed(1), framed(1, 1)), "signed", until),
            NewPerson("Zoë 子", (framed(2), framed(2, 0, "model-b", 32))),
            NewPerson("Bob", (replace(framed(3), crop=None, source="\u2028 =x.png"),)),
        ]
    )
    lists = Watchlists(store.database)
    lists.create("vip", "greet")
    lists.create("empty", "nobody yet")
    lists.add("vip", [store.find("Ann Lee").id, store.find("Bob").id])


def write(store: Store, path: Path) -> Path:
    export_people(store.database, path, None)
    return path


def read(store: Store, path: Path, merge: bool = False) -> list[Outcome]:
    with PortableFile(path) as file:
        file.verify()
        return [one.outcome for one in import_portable(store.database, file, merge=merge)]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file of three people."""
    with Store(tmp_path / "first") as store:
        fill(store)
        return write(store, tmp_path / "people.zip")


def test_what_goes_in_comes_out_on_every_database(store: Store, tmp_path: Path) -> None:
    fill(store)
    path = write(store, tmp_path / "all")
    assert path.stat().st_mode & 0o777 == 0o600
    with Store(tmp_path / "other") as other:
        assert read(other, path) == [Outcome.NEW] * 3
        assert kept(other) == kept(store)
        assert other.problems() == ()
        again = write(other, tmp_path / "again")
    for person in store.people():
        store.forget(person.person.id)
    Watchlists(store.database).delete("vip")
    Watchlists(store.database).delete("empty")
    read(store, again)
    with Store(tmp_path / "other") as other:
        assert kept(store) == kept(other)


texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "S", "P"]), min_size=1, max_size=20)
a_crop = st.builds(
    lambda rest, box, points: Crop(
        png(rest=rest), np.array(box, np.float32), np.array(points, np.float32).reshape(5, 2)
    ),
    st.binary(max_size=50),
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4),
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=10, max_size=10),
)
a_template = st.builds(
    lambda number, model, quality, source, crop: NewTemplate(
        f"model-{model}", face(number), quality, source, sha256(f"{number}".encode()).hexdigest(), crop
    ),
    st.integers(0, 10**6),
    st.integers(0, 2),
    st.floats(0, 1),
    texts,
    st.none() | a_crop,
)


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        texts,
        st.lists(a_template, min_size=1, max_size=4, unique_by=lambda t: t.image_sha256),
        max_size=4,
    )
)
def test_any_gallery_comes_back(people: dict[str, list[NewTemplate]]) -> None:
    with TemporaryDirectory() as folder, Store(Path(folder, "a")) as one, Store(Path(folder, "b")) as other:
        one.enroll_many([NewPerson(name, tuple(new)) for name, new in people.items()])
        read(other, write(one, Path(folder, "people")))
        assert kept(other) == kept(one)


def test_some_people_take_their_lists_along(filled: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "first") as store:
        ann = store.find("Ann Lee")
        done = export_people(store.database, tmp_path / "ann", [ann])
        assert (done.counts.people, done.counts.templates, done.counts.watchlists) == (1, 2, 1)
        assert done.sha256 == sha256((tmp_path / "ann").read_bytes()).hexdigest()
    with Store(tmp_path / "other") as other:
        read(other, tmp_path / "ann")
        assert [one.person for one in other.people()] == [ann]
        assert [one.watchlist.name for one in Watchlists(other.database).all()] == ["vip"]


def test_a_second_import_adds_nothing_and_a_killed_one_goes_on(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.portable_import.PEOPLE_AT_ONCE", 1)
    with Store(tmp_path / "other") as store:
        with PortableFile(filled) as file, closing(import_portable(store.database, file)) as importing:
            next(importing)  # and no further, as if killed behind the first transaction
        assert read(store, filled) == [Outcome.UNCHANGED, Outcome.NEW, Outcome.NEW]
        assert read(store, filled) == [Outcome.UNCHANGED] * 3
        version = store.version()
        read(store, filled, merge=True)
        assert store.version() == version


def test_whoever_is_here_and_differs_is_refused_or_merged(filled: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as store:
        bob = store.enroll("Bob", [framed(9)]).person
        before = kept(store)
        with pytest.raises(GalleryError, match=rf"Bob is {bob.id} here and p_.* in the file: nothing was"):
            read(store, filled)
        assert kept(store) == before
        assert sorted(read(store, filled, merge=True)) == ["merged", "new", "new"]
        assert store.find("Bob") == bob
        assert len(store.templates_of(bob.id)) == 2
        assert [one.name for one in Watchlists(store.database).of(bob.id)] == ["vip"]
        ann = store.find("Ann Lee")
        store.rename(ann.id, "Annie")
        with pytest.raises(GalleryError, match="is called Annie here and Ann Lee in the file"):
            read(store, filled)


def test_a_person_who_lost_a_template_is_refused_or_merged(filled: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as store:
        read(store, filled)
        with store.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM crops WHERE label = 1")
            connection.exec_driver_sql("DELETE FROM templates WHERE label = 1")
        with pytest.raises(GalleryError, match="is here without 1 of the file's templates"):
            read(store, filled)
        assert Outcome.MERGED in read(store, filled, merge=True)


def test_one_model_id_with_two_dimensions_is_refused(filled: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as store:
        store.enroll("Eve", [template(7, dimension=32)])
        with pytest.raises(GalleryError, match="have 32 numbers here and 64 in the file"):
            read(store, filled)


def test_a_file_is_replaced_only_when_asked_and_never_left_half(filled: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "first") as store:
        with pytest.raises(BadInputError, match="is there already; name another file, or give --force"):
            write(store, filled)
        export_people(store.database, filled, None, replace=True)
        with pytest.raises(OutsideError, match="cannot be written"):
            write(store, tmp_path / "missing" / "file")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["first", "people.zip"]


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


@settings(max_examples=200, deadline=None)
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
