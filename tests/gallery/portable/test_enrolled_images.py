"""Whose template an image is: as the gallery says, and as it is told since."""

from __future__ import annotations

from pipeline.gallery.portable.enrolled_images import EnrolledImages
from pipeline.gallery.storage.store import Store
from tests.gallery.people import MODEL, template


def test_images_are_known_by_model_and_owner(store: Store) -> None:
    ann = store.enroll("Ann", [template(1), template(1, 1)]).person
    bob = store.enroll("Bob", [template(1), template(2, model_id="other")]).person
    images = EnrolledImages.load(store, MODEL)
    assert {one.id for one in images.owners(template(1).image_sha256)} == {ann.id, bob.id}
    assert images.owners(template(1, 1).image_sha256) == (ann,)
    assert images.owners(template(2).image_sha256) == ()
    assert images.person("Ann") == images.person(ann.id) == ann
    assert images.person(" Ann ") == ann
    assert images.person("ann") is None


def test_the_fingerprint_changes_with_the_images_and_not_with_their_order(store: Store) -> None:
    ann = store.enroll("Ann", [template(1), template(1, 1)]).person
    images = EnrolledImages.load(store, MODEL)
    before = images.fingerprint(ann.id)
    images.add(ann, [template(1).image_sha256])
    assert images.fingerprint(ann.id) == before
    images.add(ann, [template(9).image_sha256])
    assert images.fingerprint(ann.id) != before
    assert images.owners(template(9).image_sha256) == (ann,)
    store.enroll(ann.id, [template(9)])
    assert EnrolledImages.load(store, MODEL).fingerprint(ann.id) == images.fingerprint(ann.id)
    assert images.fingerprint(None) == images.fingerprint("p_0123456789ab")
