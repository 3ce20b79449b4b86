"""A crop stands for a person's image: one of it, found by every template, gone with the last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete, select

from pipeline.gallery.storage.crops import release_crops
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import crops, templates
from tests.gallery.people import template


def holders(store: Store) -> list[int]:
    """Labels that crops hang at."""
    with store.database.reading() as connection:
        return list(connection.execute(select(crops.c.label).order_by(crops.c.label)).scalars())


def erase(store: Store, *labels: int) -> None:
    with store.database.writing() as connection:
        release_crops(connection, labels)
        connection.execute(delete(templates).where(templates.c.label.in_(labels)))


@pytest.fixture
def twice(store: Store) -> Store:
    """Ann's two images by model b (3, 4) after model a (1, 2); crops hang at 1 and 2; Bob's image (5, 6) likewise."""
    store.enroll("Ann", [template(1), template(1, 1)])
    for shot in (0, 1):
        store.enroll("Ann", [replace(template(1, shot, "model-b"), crop=None)])
    store.enroll("Bob", [template(2)])
    store.enroll("Bob", [replace(template(2, 0, "model-b"), crop=None)])
    assert holders(store) == [1, 2, 5]
    return store


def test_every_template_of_the_image_finds_it(twice: Store) -> None:
    for old, new in ((1, 3), (2, 4), (5, 6)):
        one, other = twice.crop(old), twice.crop(new)
        assert one is not None
        assert other is not None
        assert one.png == other.png
    assert len({crop.png for label in (1, 2, 5) if (crop := twice.crop(label)) is not None}) == 3
    assert twice.crop(99) is None


def test_it_stays_with_another_template_and_goes_with_the_last(twice: Store) -> None:
    png = [crop.png for label in (1, 2) if (crop := twice.crop(label)) is not None]
    erase(twice, 1)
    assert holders(twice) == [2, 3, 5]
    kept = twice.crop(3)
    assert kept is not None
    assert kept.png == png[0]
    erase(twice, 2, 4)
    assert holders(twice) == [3, 5]
    erase(twice, 3)
    assert holders(twice) == [5]
    assert twice.problems() == ()


def test_of_two_crops_of_one_image_one_stays(store: Store) -> None:
    store.enroll("Ann", [template(1), template(1, 0, "model-b")])
    store.enroll("Ann", [replace(template(1, 0, "model-c"), crop=None)])
    assert holders(store) == [1, 2]
    erase(store, 1)
    assert holders(store) == [2]  # that has one of its own
    store.enroll("Ann", [template(1)])
    erase(store, 2, 4)
    assert holders(store) == [3]


def test_a_merge_keeps_a_crop_that_only_the_dropped_template_had(store: Store) -> None:
    gone = store.enroll("Ann", [template(1)]).person
    store.enroll("Ann", [replace(template(1, 0, "model-b"), crop=None)])
    into = store.enroll("Anna", [replace(template(1), crop=None)]).person
    store.merge(gone.id, into.id)
    assert [store.crop(each.label) is not None for each in store.templates_of(into.id)] == [True, True]


def test_what_is_dropped_as_redundant_leaves_its_crop(store: Store) -> None:
    store.max_templates = 1
    store.enroll("Ann", [template(1)])
    store.enroll("Ann", [replace(template(1, 0, "model-b"), crop=None)])
    store.enroll("Ann", [template(1, 1)])
    left = store.templates_of(store.find("Ann").id)
    assert [store.crop(each.label) is not None for each in left] == [True, True]
    assert store.problems() == ()


def test_forgetting_leaves_none(twice: Store) -> None:
    twice.forget(twice.find("Ann").id)
    assert holders(twice) == [5]
