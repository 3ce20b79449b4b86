"""The gallery on disk: what goes in comes out, whole or not at all, with a numbered history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.storage.records import Change, ChangeKind, NewPerson, NewTemplate, PersonCount
from pipeline.gallery.storage.store import Store
from tests.gallery.people import MODEL, face, template
from tests.gallery.test_names import HOSTILE


def names(store: Store) -> list[tuple[str, int]]:
    return [(one.person.name, one.templates) for one in store.people()]


def test_a_new_gallery_is_empty(store: Store) -> None:
    assert store.people() == ()
    assert store.version() == 0
    assert store.changes_since(0) == ()
    assert store.contents(MODEL).vectors.shape == (0, 0)
    assert store.problems() == ()


def test_what_is_enrolled_comes_back(store: Store) -> None:
    before = datetime.now(UTC)
    new = [template(1), template(1, 1)]
    enrolled = store.enroll("  Ann ", new)
    assert enrolled.person.name == "Ann"
    assert enrolled.labels == (1, 2)
    assert enrolled.version == store.version() == 2
    assert store.find("Ann") == store.find(enrolled.person.id) == enrolled.person
    assert abs((enrolled.person.created_at - before).total_seconds()) < 60
    assert enrolled.person.created_at.tzinfo is UTC
    kept = store.templates_of(enrolled.person.id)
    assert [one.label for one in kept] == [1, 2]
    for one, given in zip(kept, new, strict=True):
        assert one.vector.tobytes() == given.vector.tobytes()
        assert (one.model_id, one.quality, one.source) == (MODEL, 0.75, given.source)
        assert one.image_sha256 == given.image_sha256
        crop = store.crop(one.label)
        assert crop is not None
        assert given.crop is not None
        assert crop.png == given.crop.png
        np.testing.assert_array_equal(crop.box, given.crop.box)
        np.testing.assert_array_equal(crop.landmarks, given.crop.landmarks)


def test_it_is_still_there_after_closing(make_store: Callable[[], Store]) -> None:
    with make_store() as store:
        ann = store.enroll("Ann", [template(1)]).person
    with make_store() as store:
        assert store.find("Ann") == ann
        assert store.crop(99) is None


def test_enrolling_an_existing_name_adds_to_that_person(store: Store) -> None:
    ann = store.enroll("Jose\u0301", [template(1)]).person
    assert store.enroll("José", [template(1, 1)]).person == ann
    assert store.enroll(ann.id, [template(1, 2)]).person == ann
    assert names(store) == [("José", 3)]


def test_an_unknown_id_is_not_made_into_a_name(store: Store) -> None:
    with pytest.raises(GalleryError, match="look like an id"):
        store.enroll("p_0123456789ab", [template(1)])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strange_name_is_kept_found_and_forgotten(store: Store, name: str) -> None:
    other = store.enroll("Other", [template(2)]).person
    person = store.enroll(name, [template(1)]).person
    assert store.find(name) == person
    assert store.forget(person.id).templates == 1
    assert [one.person for one in store.people()] == [other]


def test_people_come_in_order_of_name_with_their_counts(store: Store) -> None:
    store.enroll("bob", [template(1), template(1, 1)])
    store.enroll("Zoe", [template(2)])
    store.enroll("Ann", [template(3)])
    assert names(store) == [("Ann", 1), ("bob", 2), ("Zoe", 1)]


def test_an_image_stands_for_a_person_only_once_and_then_nothing_is_added(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    with pytest.raises(GalleryError, match=r"photo-1-0\.jpg: already enrolled for Ann"):
        store.enroll("Ann", [template(1, 5), template(1)])
    with pytest.raises(GalleryError, match="already enrolled"):
        store.enroll("Bob", [template(2), template(2)])
    assert names(store) == [("Ann", 1)]
    assert store.version() == 1
    store.enroll("Ann", [template(1, model_id="model-b", dimension=8)])
    assert [one.model_id for one in store.templates_of(ann.id)] == [MODEL, "model-b"]
    assert len(store.templates_of(ann.id, "model-b")) == 1


def test_whose_image_it_is_can_be_asked(store: Store) -> None:
    new = template(1)
    ann = store.enroll("Ann", [new]).person
    assert store.owners(new.image_sha256, MODEL) == (ann,)
    assert store.owners(new.image_sha256, "model-b") == ()
    assert store.owners(template(2).image_sha256, MODEL) == ()


def test_one_model_has_one_dimension(store: Store) -> None:
    store.enroll("Ann", [template(1)])
    with pytest.raises(GalleryError, match="one dimension"):
        store.enroll("Bob", [template(2, dimension=8)])
    with pytest.raises(GalleryError, match="one dimension"):
        store.enroll("Bob", [template(2, model_id="m", dimension=8), template(3, model_id="m")])
    assert names(store) == [("Ann", 1)]


def test_nothing_to_enroll_is_a_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="at least one template"):
        store.enroll("Ann", [])


def test_many_people_are_enrolled_at_once(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    until = datetime(2031, 5, 1, tzinfo=UTC)
    new = [
        NewPerson("Bob", (template(2), template(2, 1)), "signed", until),
        NewPerson(ann.id, (template(1, 1),), "not asked", until),
        NewPerson(" Jose\u0301", (replace(template(3), crop=None),)),
        NewPerson("Bob", (template(2, 2),)),
        NewPerson("Ann", (template(1, 2),)),
    ]
    enrolled = store.enroll_many(new)
    assert [one.person.name for one in enrolled] == ["Bob", "Ann", "José", "Bob", "Ann"]
    assert [one.version for one in enrolled] == [7] * 5
    assert names(store) == [("Ann", 3), ("Bob", 3), ("José", 1)]
    assert store.find("Bob") == enrolled[0].person == enrolled[3].person
    assert (enrolled[0].person.consent, enrolled[0].person.retain_until) == ("signed", until)
    assert store.find("Ann") == ann
    kept = {one.label: one for person in store.people() for one in store.templates_of(person.person.id)}
    for one, given in zip(enrolled, new, strict=True):
        assert [kept[label].source for label in one.labels] == [each.source for each in given.templates]
        for label, each in zip(one.labels, given.templates, strict=True):
            assert kept[label].person_id == one.person.id
            assert kept[label].vector.tobytes() == each.vector.tobytes()
            assert (store.crop(label) is None) == (each.crop is None)
    told = [(change.person_id, change.label) for change in store.changes_since(1)]
    assert told == [(one.person.id, label) for one in enrolled for label in one.labels]
    assert store.problems() == ()
    assert store.enroll_many([]) == ()


def test_of_many_people_none_is_enrolled_where_one_cannot_be(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    good = NewPerson("Bob", (template(2),))
    for bad, said in (
        (NewPerson("Ann", (template(1),)), r"photo-1-0\.jpg: already enrolled for Ann"),
        (NewPerson("Bob", (template(2, 1), template(2))), "already enrolled for Bob"),
        (NewPerson("p_0123456789ab", (template(3),)), "look like an id"),
        (NewPerson("Cy\udcff", (template(3),)), "character"),
        (NewPerson("Cy", (template(3, dimension=8),)), "one dimension"),
        (NewPerson("Cy", (template(3, model_id="new"), template(3, 1, "new", 8))), "one dimension"),
    ):
        with pytest.raises(GalleryError, match=said):
            store.enroll_many([good, bad])
    assert store.people() == (PersonCount(ann, 1),)
    assert store.version() == 1
    with pytest.raises(ValueError, match="at least one template"):
        NewPerson("Cy", ())


def test_thousands_are_enrolled_at_once_in_their_order(store: Store) -> None:
    """More than one question to the database, and more than one insert, can hold."""
    shared = template(1).vector
    new = [
        NewPerson(f"Person {number}", (NewTemplate(MODEL, shared, 0.5, f"{number}.jpg", f"{number:064x}"),))
        for number in range(1200)
    ]
    enrolled = store.enroll_many(new)
    kept = {one.label: one.source for each in enrolled for one in store.templates_of(each.person.id)}
    assert [kept[one.labels[0]] for one in enrolled] == [f"{number}.jpg" for number in range(1200)]
    again = [replace(one, templates=(replace(one.templates[0], image_sha256="f" * 64),)) for one in new]
    assert [one.person for one in store.enroll_many(again)] == [one.person for one in enrolled]
    assert len(store.people()) == 1200


def test_renaming_keeps_everything_else(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    renamed = store.rename(ann.id, " Anna ")
    assert (renamed.id, renamed.name) == (ann.id, "Anna")
    assert store.known("Ann") is None
    assert store.find("Anna") == renamed
    assert store.changes_since(1) == (Change(2, ChangeKind.PERSON_RENAMED, ann.id, None),)
    assert store.rename(ann.id, "Anna") == renamed
    assert store.version() == 2


def test_a_name_in_use_cannot_be_taken(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    bob = store.enroll("Bob", [template(2)]).person
    with pytest.raises(GalleryError, match=f"{ann.id} is called Ann already"):
        store.rename(bob.id, "Ann")
    assert store.version() == 2


def test_consent_and_retention_are_set_one_by_one_and_no_replica_is_woken(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    until = datetime(2031, 5, 1, 12, tzinfo=UTC)
    assert store.set_person(ann.id) == ann
    assert store.set_person(ann.id, consent="  signed in 2026 ").consent == "signed in 2026"
    assert store.set_person(ann.id, retain_until=until) == replace(
        ann, consent="signed in 2026", retain_until=until
    )
    assert store.set_person(ann.id, consent=None) == replace(ann, retain_until=until) == store.find("Ann")
    assert store.set_person(ann.id, retain_until=None) == ann
    assert store.version() == 1


@pytest.mark.parametrize("note", ["two\nlines", "Ann\udcff", " ", "x" * 2001, "nul\0"])
def test_a_note_is_a_line_of_text(store: Store, note: str) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    with pytest.raises(GalleryError, match="a note must") as error:
        store.set_person(ann.id, consent=note)
    assert "\n" not in str(error.value)
    assert store.find("Ann") == ann
    with pytest.raises(GalleryError, match="a note must"):
        store.enroll_many([NewPerson("Bob", (template(2),), consent=note)])
    with pytest.raises(GalleryError, match="nobody has the id"):
        store.set_person("p_0123456789ab", consent="signed")


def test_a_date_to_be_kept_until_says_its_zone(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    with pytest.raises(ValueError, match="must say its zone"):
        store.set_person(ann.id, retain_until=datetime(2031, 5, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="must say its zone"):
        NewPerson("Bob", (template(2),), retain_until=datetime(2031, 5, 1))  # noqa: DTZ001


def test_somebody_forgotten_meanwhile_cannot_be_changed(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    store.forget(ann.id)
    for act in (lambda: store.rename(ann.id, "Bob"), lambda: store.forget(ann.id)):
        with pytest.raises(GalleryError, match=f"nobody has the id {ann.id}"):
            act()
    assert store.version() == 2


def test_nobody_found_says_who_may_have_been_meant(store: Store) -> None:
    ann = store.enroll("Ann Lee", [template(1)]).person
    with pytest.raises(
        GalleryError, match=rf"nobody is called 'ann lee'; did you mean Ann Lee \({ann.id}\)\?"
    ):
        store.find("ann lee")


def test_the_history_tells_every_change_once_and_labels_are_never_reused(store: Store) -> None:
    ann = store.enroll("Ann", [template(1), template(1, 1)]).person
    store.forget(ann.id)
    bob = store.enroll("Bob", [template(2)]).person
    assert bob.id != ann.id
    assert store.changes_since(0) == (
        Change(1, ChangeKind.TEMPLATE_ADDED, ann.id, 1),
        Change(2, ChangeKind.TEMPLATE_ADDED, ann.id, 2),
        Change(3, ChangeKind.PERSON_FORGOTTEN, ann.id, None),
        Change(4, ChangeKind.TEMPLATE_ADDED, bob.id, 3),
    )
    assert [change.seq for change in store.changes_since(3)] == [4]
    assert store.changes_since(4) == ()


def test_contents_are_those_of_one_model_in_order_of_label(store: Store) -> None:
    ann = store.enroll("Ann", [template(1), template(1, model_id="model-b", dimension=8)]).person
    bob = store.enroll("Bob", [template(2)]).person
    cleo = store.enroll("Cleo", [template(3, model_id="model-b", dimension=8)]).person
    contents = store.contents(MODEL)
    assert contents.labels.tolist() == [1, 3]
    assert contents.person_ids == (ann.id, bob.id)
    assert contents.vectors.tobytes() == np.stack([face(1), face(2)]).tobytes()
    assert contents.others == 1
    assert contents.version == 4
    assert {one.id for one in contents.people} == {ann.id, bob.id, cleo.id}


def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        Store(tmp_path).version()


def test_nobody_is_called_what_is_no_text(store: Store) -> None:
    """A command line's bytes that are no UTF-8 arrive as halves of surrogate pairs, which no database takes."""
    assert store.known("Ann\udcff") is store.known("Ann\0") is None
    with pytest.raises(GalleryError, match=r"nobody is called 'Ann\\udcff'"):
        store.find("Ann\udcff")
