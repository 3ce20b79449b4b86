"""Which faces two models are compared by."""

from __future__ import annotations

import numpy as np

from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.state import read_compared
from tests.gallery.people import template
from tests.gallery.upgrade.kept import NEW, OLD

OLDER = "older-1"


def test_a_face_of_several_comparable_models_is_compared_once(store: Store) -> None:
    """Twice, each would find its twin at no distance, and nobody would ever be missed."""
    store.enroll("Ann", [template(1, shot, model) for model in (OLDER, OLD, NEW) for shot in range(2)])
    store.enroll("Bob", [template(2, 0, model) for model in (OLDER, NEW)])
    store.enroll("Cleo", [template(3, 0, OLD)])
    ids = {one.person.name: one.person.id for one in store.people()}
    with store.database.reading() as connection:
        compared = read_compared(connection, (OLD, OLDER), NEW)
    assert compared.person_ids == (ids["Ann"], ids["Ann"], ids["Bob"])
    expected = [*store.templates_of(ids["Ann"], OLD), *store.templates_of(ids["Bob"], OLDER)]
    np.testing.assert_array_equal(compared.old, np.stack([one.vector for one in expected]))
