"""Enrolment: which photos are accepted, which are not and why, and that nothing half is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.errors import GalleryError
from pipeline.gallery.enroll import Enrolment, EnrolmentRules, Photo, PhotoVerdict, enroll_photos, judge_photo
from pipeline.gallery.face_crop import crop_pixels
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.recogniser import Described, QualityParts
from pipeline.gallery.storage.store import Store
from pipeline.types import Faces

RULES = EnrolmentRules(min_face_px=48, min_quality=0.25, same_person_distance=1.1, look_alike_distance=0.9)
RECOGNISER = PaintedRecogniser()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def photo(*faces: PaintedFace, path: str = "") -> Photo:
    return photo_of(paint(faces), path or "-".join(f"{face.person}.{face.shot}" for face in faces) + ".png")


def photo_of(image: U8, path: str) -> Photo:
    return Photo(path, Path(path).name, hashlib.sha256(image.tobytes()).hexdigest(), image)


def enroll(
    store: Store, name: str, *photos: Photo | PhotoVerdict, rules: EnrolmentRules = RULES
) -> Enrolment:
    index = choose_index("exact", RECOGNISER.dimension)
    replica = Replica.load(store, RECOGNISER.model_id, index)
    return enroll_photos(
        store, replica, name, photos, RECOGNISER.detect, RECOGNISER.describe, RECOGNISER.model_id, rules
    )


def judge(*faces: PaintedFace, rules: EnrolmentRules = RULES) -> PhotoVerdict:
    return judge_photo(photo(*faces), RECOGNISER.detect, RECOGNISER.describe, RECOGNISER.model_id, rules)


def test_one_good_face_is_accepted() -> None:
    verdict = judge(PaintedFace(5, 2, quality=0.8, box=(48, 45, 144, 135)))
    assert verdict.accepted
    assert (verdict.faces, verdict.box) == (1, (0.2, 0.25, 0.6, 0.75))
    assert verdict.quality == pytest.approx(0.8)
    assert verdict.template is not None
    np.testing.assert_array_equal(verdict.template.vector, RECOGNISER.vector(5, 2))
    assert verdict.template.source == "5.2.png"
    assert verdict.template.crop is not None
    assert len(RECOGNISER.detect(crop_pixels(verdict.template.crop))) == 1


def test_no_face() -> None:
    verdict = judge()
    assert (verdict.accepted, verdict.reason, verdict.faces) == (False, "no face found", 0)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10, 10, 58, 70), None),
        ((10, 10, 57, 70), "the face is only 47 px across; at least 48 are needed"),
        ((10, 10, 100, 40), "the face is only 30 px across; at least 48 are needed"),
    ],
)
def test_the_shorter_side_must_be_long_enough(box: tuple[int, int, int, int], reason: str | None) -> None:
    assert judge(PaintedFace(5, box=box)).reason == reason


def test_a_poor_face_is_refused_with_its_quality() -> None:
    verdict = judge(PaintedFace(5, quality=0.2))
    assert verdict.reason == "quality 0.20; at least 0.25 is needed"
    assert verdict.quality == pytest.approx(0.2)
    assert verdict.template is None


def test_a_poor_face_is_refused_for_what_spoils_it() -> None:
    def blurred(image: U8, faces: Faces) -> Described:
        seen = RECOGNISER.describe(image, faces)
        parts = QualityParts(("size", "sharpness"), np.array([[1.0, 0.2]], np.float32))
        return Described(seen.vectors, seen.quality, parts)

    poor = photo(PaintedFace(5, quality=0.2))
    verdict = judge_photo(poor, RECOGNISER.detect, blurred, RECOGNISER.model_id, RULES)
    assert verdict.reason == "too blurred (0.20): quality 0.20; at least 0.25 is needed"
    assert verdict.quality_parts == pytest.approx({"sharpness": 0.2, "size": 1.0})


def test_a_face_cut_off_by_the_edge_is_refused_unless_forced() -> None:
    cut = PaintedFace(5, box=(0, 10, 100, 130))
    verdict = judge(cut)
    assert verdict.reason is not None
    assert verdict.reason.startswith("the face is cut off by the photo's edge")
    assert judge(cut, rules=replace(RULES, force=True)).accepted


SMALLER, LARGER = PaintedFace(5, box=(10, 10, 70, 80)), PaintedFace(6, box=(100, 10, 220, 150))


def test_several_faces_are_ambiguous_unless_the_largest_is_asked_for() -> None:
    assert judge(SMALLER, LARGER).reason == "2 faces; crop the photo, or give --largest"
    for faces in ((SMALLER, LARGER), (LARGER, SMALLER)):
        verdict = judge(*faces, rules=replace(RULES, largest=True))
        assert verdict.template is not None
        np.testing.assert_array_equal(verdict.template.vector, RECOGNISER.vector(6))
        assert verdict.faces == 2


def test_a_tiny_face_behind_makes_no_photo_ambiguous() -> None:
    verdict = judge(LARGER, PaintedFace(7, box=(10, 10, 40, 45)))
    assert verdict.accepted
    assert verdict.faces == 2


def test_accepted_photos_become_templates_of_one_person(store: Store) -> None:
    unreadable = PhotoVerdict("gone.jpg", reason="no such file")
    enrolment = enroll(store, " Ann ", photo(PaintedFace(1)), unreadable, photo(), photo(PaintedFace(1, 1)))
    assert [verdict.accepted for verdict in enrolment.verdicts] == [True, False, False, True]
    assert enrolment.verdicts[1] == unreadable
    assert enrolment.person == store.find("Ann")
    kept = store.templates_of(store.find("Ann").id)
    assert [one.source for one in kept] == ["1.0.png", "1.1.png"]
    assert all(store.crop(one.label) is not None for one in kept)


def test_where_no_photo_is_accepted_nobody_is_added(store: Store) -> None:
    assert enroll(store, "Ann", photo()).person is None
    assert enroll(store, "Ann").verdicts == ()
    assert store.people() == ()
    assert store.version() == 0


def test_more_photos_go_to_the_person_of_that_name_or_id(store: Store) -> None:
    ann = enroll(store, "Ann", photo(PaintedFace(1))).person
    assert ann is not None
    assert enroll(store, ann.id, photo(PaintedFace(1, 1))).person == ann
    assert enroll(store, "Ann", photo(PaintedFace(1, 2))).person == ann
    assert len(store.templates_of(ann.id)) == 3


def test_the_same_image_is_refused_the_second_time(store: Store) -> None:
    again = photo(PaintedFace(1), path="copy.png")
    first = enroll(store, "Ann", photo(PaintedFace(1)), again)
    assert first.verdicts[1].reason == "the same image as 1.0.png"
    for name in ("Ann", "Bob"):
        (verdict,) = enroll(store, name, again).verdicts
        assert verdict.reason == "the same image is already enrolled for Ann"
    assert len(store.people()) == 1


def test_a_photo_of_somebody_else_is_refused_and_named_as_such(store: Store) -> None:
    enroll(store, "Ann", photo(PaintedFace(1)))
    other = enroll(store, "Ann", photo(PaintedFace(2)), photo(PaintedFace(1, 1)))
    assert [verdict.accepted for verdict in other.verdicts] == [False, True]
    reason = other.verdicts[0].reason
    assert reason is not None
    assert reason.startswith("does not look like the other photos of Ann (distance 1.")
    assert reason.endswith("1.10 is too far); give --force if it is them")


def test_a_wrong_first_photo_refuses_itself_and_not_the_others(store: Store) -> None:
    photos = [photo(PaintedFace(2)), photo(PaintedFace(1)), photo(PaintedFace(1, 1))]
    assert [one.accepted for one in enroll(store, "Ann", *photos).verdicts] == [False, True, True]


def test_force_accepts_who_looks_different_but_nothing_else(store: Store) -> None:
    force = replace(RULES, force=True)
    photos = [photo(PaintedFace(1)), photo(PaintedFace(2)), photo(), photo(PaintedFace(1, quality=0.1))]
    verdicts = enroll(store, "Ann", *photos, rules=force).verdicts
    assert [one.accepted for one in verdicts] == [True, True, False, False]


def test_a_look_alike_is_accepted_with_a_warning(store: Store) -> None:
    ann = enroll(store, "Ann", photo(PaintedFace(1))).person
    assert ann is not None
    twin = enroll(store, "Bea", photo(PaintedFace(1, 1)))
    (verdict,) = twin.verdicts
    assert verdict.accepted
    (alike,) = verdict.look_alikes
    assert (alike.id, alike.name, alike.one_person) == (ann.id, "Ann", False)
    assert 0.0 < alike.distance < RULES.look_alike_distance
    # Their own templates are nearest from now on; the other's are still worth the warning.
    (verdict,) = enroll(store, "Bea", photo(PaintedFace(1, 2))).verdicts
    assert [one.id for one in verdict.look_alikes] == [ann.id]


def test_somebody_nearer_than_two_people_come_may_be_one_of_two_names(store: Store) -> None:
    enroll(store, "Ann", photo(PaintedFace(1)))
    rules = replace(RULES, one_person_distance=0.8)
    (verdict,) = enroll(store, "Bea", photo(PaintedFace(1, 1)), rules=rules).verdicts
    assert [one.one_person for one in verdict.look_alikes] == [True]


def test_photos_beyond_the_bound_are_accepted_and_told_of_as_redundant(tmp_path: Path) -> None:
    with Store(tmp_path, max_templates=3) as store:
        first = enroll(store, "Ann", *(photo(PaintedFace(1, shot)) for shot in range(1, 5)))
        assert (first.kept, first.redundant) == (3, 1)
        assert [one.accepted for one in first.verdicts] == [True] * 4
        assert sum(one.redundant for one in first.verdicts) == 1
        then = enroll(store, "Ann", photo(), photo(PaintedFace(1, 5)))
        assert (then.kept, then.redundant) == (3, 1)
        assert first.person is not None
        sources = {one.source for one in store.templates_of(first.person.id)}
        assert ("1.5.png" in sources) is not then.verdicts[1].redundant


def test_nobody_looks_like_themselves(store: Store) -> None:
    enroll(store, "Ann", photo(PaintedFace(1)))
    enroll(store, "Bob", photo(PaintedFace(2)))
    (verdict,) = enroll(store, "Ann", photo(PaintedFace(1, 1))).verdicts
    assert (verdict.accepted, verdict.look_alikes) == (True, ())


def test_a_bad_name_is_refused_before_any_photo_is_looked_at(store: Store) -> None:
    def photos() -> Iterator[Photo]:
        raise AssertionError("looked at a photo")
        yield

    index = choose_index("exact", RECOGNISER.dimension)
    replica = Replica.load(store, RECOGNISER.model_id, index)
    with pytest.raises(GalleryError, match="visible character"):
        enroll_photos(
            store, replica, " ", photos(), RECOGNISER.detect, RECOGNISER.describe, RECOGNISER.model_id, RULES
        )
