"""A sighting of somebody who is left behind becomes their template, where it leaves no room for a mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.seen_again import MIN_FRAMES, learn_seen_again
from tests.gallery.made_sightings import sighting
from tests.gallery.people import MODEL, template

OLD = "old-1"
MIN_QUALITY = 0.4


@pytest.fixture
def ann(store: Store) -> str:
    """Ann, whom an older model alone knows."""
    return store.enroll("Ann", [template(1, 0, OLD)]).person.id


def kept(store: Store, *those: Any) -> None:
    Sightings(store.database).write(those)


def test_the_clearest_sighting_becomes_a_template_once(store: Store, ann: str) -> None:
    clear = sighting(2, person=ann, quality=0.9)
    kept(store, sighting(1, person=ann), clear, sighting(3, person=ann))
    version = store.version()
    (again,) = learn_seen_again(store, (MODEL, "other"), MIN_QUALITY)
    assert (again.person_id, again.name, again.sighting_id) == (ann, "Ann", clear.sighting_id)
    (made,) = store.templates_of(ann, MODEL)
    assert clear.vector is not None
    assert np.array_equal(made.vector, clear.vector)
    assert (made.source, made.quality) == (f"sighting {clear.sighting_id}", 0.9)
    assert store.version() == version + 1
    assert learn_seen_again(store, MODEL, MIN_QUALITY) == ()
    assert len(store.templates_of(ann)) == 2


@pytest.mark.parametrize(
    "but",
    [
        {"quality": 0.39},
        {"distance": 0.76},
        {"frames_fused": MIN_FRAMES - 1},
        {"over": False},
        {"vector": None},
        {"model_id": OLD},
        {"mode": "replay"},
    ],
    ids=lambda but: next(iter(but)),
)
def test_whatever_leaves_room_for_a_mistake_does_not(store: Store, ann: str, but: dict[str, Any]) -> None:
    kept(store, replace(sighting(1, person=ann), **but))
    assert learn_seen_again(store, MODEL, MIN_QUALITY) == ()
    assert [one.model_id for one in store.templates_of(ann)] == [OLD]


def test_whoever_is_known_by_the_serving_model_gets_none(store: Store) -> None:
    bob = store.enroll("Bob", [template(2, 0, OLD), template(2, 0, MODEL)]).person.id
    kept(store, sighting(1, person=bob))
    assert learn_seen_again(store, MODEL, MIN_QUALITY) == ()
    assert learn_seen_again(store, ("newer", MODEL), MIN_QUALITY) == ()


def test_unknown_people_get_none(store: Store, ann: str) -> None:
    kept(store, sighting(1, face_of=1))
    assert learn_seen_again(store, MODEL, MIN_QUALITY) == ()


def test_a_look_that_finds_nobody_waits_for_no_writer(store: Store, ann: str) -> None:
    kept(store, sighting(1, person=ann, quality=MIN_QUALITY - 0.1))
    with store.database.writing():
        assert learn_seen_again(store, MODEL, MIN_QUALITY) == ()
