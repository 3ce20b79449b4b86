"""Portable files: what goes in comes out, from database to database; whoever is there already is asked about."""

from __future__ import annotations

import zipfile
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from pipeline.errors import BadInputError, GalleryError, OutsideError
from pipeline.gallery.int8_grid import to_grid
from pipeline.gallery.portable.portable_export import export_people
from pipeline.gallery.portable.portable_file import PortableFile
from pipeline.gallery.portable.portable_import import Outcome, import_portable
from pipeline.gallery.storage.records import Crop, NewPerson, NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.storage.watchlists import Watchlists
from tests.gallery.people import face, template
from tests.gallery.portable_people import fill, framed, kept, png, read, write


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


def test_vectors_kept_as_int8_are_floats_in_the_file_and_int8_again_where_they_go(
    store: Store, tmp_path: Path
) -> None:
    new = template(1)
    on_grid = replace(new, vector=to_grid(new.vector[None])[0])
    store.enroll("Ann", [replace(on_grid, crop=None), replace(template(1, 1), crop=None)])
    path = write(store, tmp_path / "all")
    with zipfile.ZipFile(path) as archive, archive.open("vectors/0.npy") as member:
        assert np.load(BytesIO(member.read())).dtype == np.dtype("<f4")
    with Store(tmp_path / "other") as other:
        assert read(other, path) == [Outcome.NEW]
        assert kept(other) == kept(store)
        with other.database.reading() as connection:
            sizes = connection.execute(select(func.length(templates.c.vector))).scalars().all()
    assert sorted(sizes) == [1 + 64, 4 * 64]


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


@settings(max_examples=8, deadline=None)
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
    monkeypatch.setattr("pipeline.gallery.portable.portable_import.PEOPLE_AT_ONCE", 1)
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
