"""Vectors on the int8 grid in the tables: a byte a number, back bit for bit, beside those of older galleries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select, update

from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.int8_grid import to_grid
from pipeline.gallery.sightings.sighting_rows import sighting as read_sighting
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import sightings, templates
from pipeline.gallery.vectors import floats_to_bytes
from tests.gallery.made_sightings import sighting
from tests.gallery.people import DIMENSION, MODEL, template


def gridded(vector: F32) -> F32:
    return np.asarray(to_grid(vector[None])[0])


def on_grid(person: int, shot: int = 0, dimension: int = DIMENSION) -> NewTemplate:
    new = template(person, shot, dimension=dimension)
    return replace(new, vector=gridded(new.vector))


def sizes(store: Store, table: str) -> list[int]:
    column = templates.c.vector if table == "templates" else sightings.c.vector
    with store.database.reading() as connection:
        return sorted(connection.execute(select(func.length(column))).scalars())


def test_templates_take_a_byte_a_number_and_come_back(store: Store) -> None:
    given = [on_grid(1, shot) for shot in range(3)]
    ann = store.enroll("Ann", given).person
    assert sizes(store, "templates") == [1 + DIMENSION] * 3
    found = store.templates_of(ann.id)
    assert [one.vector.tobytes() for one in found] == [one.vector.tobytes() for one in given]
    contents = store.contents(MODEL)
    assert contents.vectors.tobytes() == np.stack([one.vector for one in given]).tobytes()
    assert [one.crop for one in given] != []
    crop = store.crop(found[0].label)
    assert crop is not None
    assert crop.landmarks.tolist() == np.arange(10).reshape(5, 2).tolist()
    assert store.problems() == ()


def test_sightings_take_a_byte_a_number_and_come_back(store: Store) -> None:
    given = [
        replace(one, vector=gridded(one.vector))
        for one in (sighting(1), sighting(2))
        if one.vector is not None
    ]
    Sightings(store.database).write(given)
    assert sizes(store, "sightings") == [1 + DIMENSION] * 2
    with store.database.reading() as connection:
        found = connection.execute(select(sightings).order_by(sightings.c.label)).all()
    for row, one in zip(found, given, strict=True):
        back = read_sighting(row).vector
        assert back is not None
        assert one.vector is not None
        assert back.tobytes() == one.vector.tobytes()


def test_a_gallery_from_before_is_read_as_it_is_and_both_forms_are_one_dimension(store: Store) -> None:
    old, new = on_grid(1), on_grid(2)
    ann = store.enroll("Ann", [old]).person
    with store.database.writing() as connection:
        connection.execute(update(templates).values(vector=floats_to_bytes(old.vector)))
    store.enroll("Bob", [new])
    assert sizes(store, "templates") == [1 + DIMENSION, 4 * DIMENSION]
    assert store.templates_of(ann.id)[0].vector.tobytes() == old.vector.tobytes()
    assert store.contents(MODEL).vectors.shape == (2, DIMENSION)
    assert store.problems() == ()


@pytest.mark.parametrize("dimension", [1, 31, 32, 129, 512])
def test_the_database_tells_the_dimension_without_the_vector(store: Store, dimension: int) -> None:
    store.enroll("Ann", [on_grid(1, 0, dimension), template(1, 1, dimension=dimension)])
    with store.database.reading() as connection:
        found = connection.execute(select(rows.dimension(templates.c.vector))).scalars().all()
    assert found == [dimension] * 2
    # 129 numbers of int8 and 32 of float32 are both 130 and 128 bytes: neither is taken for the other.
    with pytest.raises(GalleryError, match="one dimension"):
        store.enroll("Bob", [on_grid(2, 0, dimension + 1)])


def test_damage_is_named(store: Store) -> None:
    store.enroll("Ann", [on_grid(1, shot) for shot in range(3)])
    with store.database.writing() as connection:
        connection.execute(update(templates).where(templates.c.label == 2).values(vector=b"\x80" + bytes(64)))
    (problem,) = store.problems()
    assert problem.startswith("template 2 is damaged: 65 bytes are neither float32 nor int8 numbers; ")
