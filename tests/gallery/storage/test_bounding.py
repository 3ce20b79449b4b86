"""A person has no more templates than are kept, whichever way they come, and nothing is left of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.gallery.diversity import redundant
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.following import FollowedGallery, Source
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import ChangeKind, NewPerson
from pipeline.gallery.storage.store import Store
from tests.gallery.people import DIMENSION, MODEL, template

KEEP = 4


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path, max_templates=KEEP) as opened:
        yield opened


def labels_of(store: Store, person_id: str) -> list[int]:
    return [one.label for one in store.templates_of(person_id)]


def test_up_to_the_bound_all_are_kept(store: Store) -> None:
    enrolled = store.enroll("Ann", [template(1, shot) for shot in range(KEEP)])
    assert enrolled.redundant == ()
    assert labels_of(store, enrolled.person.id) == list(enrolled.labels)


def test_beyond_it_what_says_the_least_goes_with_its_crop(store: Store) -> None:
    first = store.enroll("Ann", [template(1, shot) for shot in range(1, 4)])
    then = store.enroll("Ann", [template(1, shot) for shot in range(4, 8)])
    given = [template(1, shot) for shot in range(1, 8)]
    rows = redundant(np.stack([one.vector for one in given]), np.full(7, 0.75, np.float32), KEEP)
    labels = np.array([*first.labels, *then.labels])
    assert list(then.redundant) == labels[rows].tolist()
    kept = labels_of(store, first.person.id)
    assert kept == np.setdiff1d(labels, labels[rows]).tolist()
    assert all(store.crop(label) is None for label in then.redundant)
    assert all(store.crop(label) is not None for label in kept)
    told = [one.label for one in store.changes_since(0) if one.kind is ChangeKind.TEMPLATE_REMOVED]
    assert told == list(then.redundant)
    assert then.version == store.version()
    assert store.problems() == ()


def test_each_model_and_person_is_bounded_alone(store: Store) -> None:
    new = [
        NewPerson("Ann", tuple(template(1, shot) for shot in range(6))),
        NewPerson("Ann", tuple(template(1, shot, model_id="model-b") for shot in range(3))),
        NewPerson("Bob", tuple(template(2, shot) for shot in range(KEEP))),
    ]
    ann, again, bob = store.enroll_many(new)
    assert len(ann.redundant) == 2
    assert again.redundant == ann.redundant
    assert bob.redundant == ()
    assert len(store.templates_of(ann.person.id, MODEL)) == KEEP
    assert len(store.templates_of(ann.person.id, "model-b")) == 3


def test_everybody_of_one_transaction_is_bounded(store: Store) -> None:
    shots = range(KEEP + 1)
    new = [
        NewPerson(name, tuple(template(n, shot) for shot in shots)) for n, name in enumerate(("Ann", "Bob"))
    ]
    assert [len(one.redundant) for one in store.enroll_many(new)] == [1, 1]


def test_two_records_that_are_merged_are_bounded_together(store: Store) -> None:
    ann = store.enroll("Ann", [template(1, shot) for shot in range(1, 4)]).person
    anna = store.enroll("Anna", [template(1, shot) for shot in range(4, 7)]).person
    merged = store.merge(anna.id, ann.id)
    assert (merged.moved, len(merged.redundant)) == (3, 2)
    assert len(labels_of(store, ann.id)) == KEEP
    last = store.changes_since(0)[-1]
    assert (last.kind, last.person_id) == (ChangeKind.PERSON_MERGED, anna.id)
    assert store.problems() == ()


def test_a_gallery_that_is_followed_shows_what_is_kept(store: Store) -> None:
    store.enroll("Ann", [template(1, shot) for shot in range(1, 4)])

    def load() -> Replica:
        return Replica.load(store, MODEL, choose_index("exact", DIMENSION))

    with FollowedGallery(load(), Source(store.database, MODEL, load), lambda own: 1.0, 0.01) as followed:
        enrolled = store.enroll("Ann", [template(1, shot) for shot in range(4, 9)])
        assert followed.wait_for(enrolled.version, 10.0)
        assert len(followed.replica) == KEEP
        probes = np.stack([template(1, shot).vector for shot in range(1, 9)])
        assert followed.answer(probes, 2).people == load().search(probes, 2)


def test_without_a_bound_all_are_kept(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        enrolled = store.enroll("Ann", [template(1, shot) for shot in range(30)])
        assert len(labels_of(store, enrolled.person.id)) == 30
