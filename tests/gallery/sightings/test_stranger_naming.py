"""A stranger gets a name: which templates the person gets, whose the sightings are, and when it is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.sightings.sighting_records import RunOfCamera, StrangerChangeKind
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.stranger_naming import most_different
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.records import Change, ChangeKind
from pipeline.gallery.storage.store import Store
from pipeline.gallery.vectors import squared_l2, to_bytes
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import MODEL, face, template, unit
from tests.gallery.test_names import HOSTILE

A = "s_000000000001"
FORCED = replace(RULES, force=True)


@pytest.fixture
def kept(store: Store) -> Sightings:
    return Sightings(store.database)


@pytest.fixture
def strangers(store: Store) -> Strangers:
    return Strangers(store.database)


def test_a_new_person_is_made_of_the_vectors_that_stand(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    seen = [
        sighting(1, quality=0.6),
        sighting(2, quality=0.9),
        sighting(3, quality=0.5, stands=False),
        sighting(4, quality=0.3),
    ]
    kept.write(seen)
    before = strangers.version()
    named = strangers.name(A, " Ann ", RULES)
    assert (named.person.name, named.is_new, named.distance) == ("Ann", True, None)
    assert (named.templates, named.sightings) == (2, 4)
    made = store.templates_of(named.person.id)
    assert [one.source for one in made] == ["sighting door:k3f9:2", "sighting door:k3f9:1"]
    for one, origin in zip(made, (seen[1], seen[0]), strict=True):
        assert origin.vector is not None
        assert one.vector.tobytes() == origin.vector.tobytes()
        assert one.image_sha256 == hashlib.sha256(to_bytes(origin.vector)).hexdigest()
        assert one.quality == origin.quality
        assert store.crop(one.label) is None
    added = ChangeKind.TEMPLATE_ADDED
    assert store.changes_since(0) == tuple(
        Change(seq, added, named.person.id, label) for seq, label in enumerate((one.label for one in made), 1)
    )
    kinds = [change.kind for change in strangers.changes_since(before)]
    assert kinds == [StrangerChangeKind.VECTOR_REMOVED] * 3 + [StrangerChangeKind.STRANGER_NAMED]


def test_all_past_sightings_become_the_persons(kept: Sightings, strangers: Strangers) -> None:
    seen = [sighting(1), sighting(2), replace(sighting(3, stands=False), vector=None)]
    kept.write([*seen, sighting(4, face_of=2)])
    person = strangers.name(A, "Ann", RULES).person
    found = kept.at(range(1, 5))
    for label, one in enumerate(seen, 1):
        now = found[label]
        assert (now.person_id, now.stranger_id, now.seq, now.stands) == (person.id, None, 3, False)
        assert now.gallery_version == 2
        if one.vector is None:
            assert now.distance is None
        else:
            both = np.stack([each.vector for each in seen if each.vector is not None])
            assert now.distance == pytest.approx(float(squared_l2(one.vector, both).min()))
    assert found[4].person_id is None


def test_one_who_is_there_gets_the_templates_that_are_new(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    kept.write([sighting(1), sighting(2)])
    first = strangers.name(A, ann.id, RULES)
    assert (first.person, first.is_new, first.templates) == (ann, False, 2)
    assert first.distance == pytest.approx(
        float(min(squared_l2(face(1), np.stack([face(1, 1), face(1, 2)]))))
    )
    kept.write([sighting(3, "s_00000000aaaa"), replace(sighting(4, "s_00000000aaaa"), vector=face(1, 2))])
    second = strangers.name("s_00000000aaaa", "Ann", RULES)
    assert (second.templates, second.sightings) == (1, 2)
    assert len(store.templates_of(ann.id)) == 4


def test_the_name_of_somebody_else_is_no_accident_only_with_force(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    ann = store.enroll("Ann", [template(5)]).person
    kept.write([sighting(1)])
    version = store.version(), strangers.version()
    with pytest.raises(GalleryError, match=rf"called Ann already \({ann.id}\), and {A} is .* away .*--force"):
        strangers.name(A, "Ann", RULES)
    assert (store.version(), strangers.version()) == version
    assert strangers.name(A, "Ann", FORCED).person == ann


def test_a_stranger_without_a_vector_joins_only_somebody_who_is_there(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    kept.write([replace(sighting(1, stands=False), vector=None)])
    with pytest.raises(GalleryError, match=f"{A} has no vector that 'Ann' could be recognised by: enroll"):
        strangers.name(A, "Ann", RULES)
    assert store.people() == ()
    ann = store.enroll("Ann", [template(5)]).person
    with pytest.raises(GalleryError, match="there is nothing to compare them by"):
        strangers.name(A, "Ann", RULES)
    named = strangers.name(A, "Ann", FORCED)
    assert (named.person, named.templates, named.sightings, named.distance) == (ann, 0, 1, None)
    assert store.version() == 1


def test_the_very_same_vector_is_one_template(store: Store, kept: Sightings, strangers: Strangers) -> None:
    twice = RunOfCamera("again", "film")
    kept.write([sighting(1, quality=0.5), sighting(1, run=twice, quality=0.6), sighting(2, quality=0.5)])
    named = strangers.name(A, "Ann", RULES)
    assert [one.source for one in store.templates_of(named.person.id)] == [
        "sighting again:film:1",
        "sighting door:k3f9:2",
    ]


def test_templates_are_made_of_each_model_apart(store: Store, kept: Sightings, strangers: Strangers) -> None:
    run = RunOfCamera("door", "new")
    other = replace(sighting(1, run=run), model_id="model-b", vector=face(1, dimension=8))
    kept.write([sighting(1), other])
    person = strangers.name(A, "Ann", RULES).person
    assert [one.model_id for one in store.templates_of(person.id)] == [MODEL, "model-b"]


def test_strange_names_are_kept(store: Store, kept: Sightings, strangers: Strangers) -> None:
    for number, name in enumerate(HOSTILE, 1):
        kept.write([sighting(number, face_of=number)])
        named = strangers.name(f"s_{number:012x}", name, RULES)
        assert store.find(name) == named.person


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\udcff", "a\0b", "x" * 300, "p_0123456789ab"])
def test_what_is_no_name_changes_nothing(
    store: Store, kept: Sightings, strangers: Strangers, name: str
) -> None:
    kept.write([sighting(1)])
    with pytest.raises(GalleryError, match="a name must"):
        strangers.name(A, name, RULES)
    assert store.people() == ()
    assert strangers.known(MODEL).stranger_ids == (A,)


def test_the_best_vector_comes_first_and_then_the_farthest() -> None:
    angles = np.array([0.0, 0.1, 0.5, 1.0])
    vectors = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    qualities = np.array([0.5, 0.9, 0.5, 0.5], np.float32)
    assert most_different(vectors, qualities, 3).tolist() == [1, 3, 2]
    assert most_different(vectors, qualities, 9).tolist() == [1, 3, 2, 0]
    assert most_different(vectors[:0], qualities[:0], 3).tolist() == []
