"""A model that declares itself compatible with an older one searches what that one made; not the other way round."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import GalleryError
from pipeline.gallery.comparable import Comparable, beside, models_of, name_of, named, own_model
from pipeline.gallery.enroll import Enrolment, EnrolmentRules, Photo, enroll_photos
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.contents import read_block
from pipeline.gallery.memory.following import FollowedGallery, Source
from pipeline.gallery.memory.opening import build_replica
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.past.past_index import PastFilter
from pipeline.gallery.past.past_ranking import Probe
from pipeline.gallery.past.past_search import Past
from pipeline.gallery.portable.enrolled_images import EnrolledImages
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import DIMENSION, face, template

OLD, NEW, OTHER = PaintedRecogniser("v1"), PaintedRecogniser("v2", compatible_with=("v1",)), "v0"
BOTH = NEW.comparable
ENROLMENT = EnrolmentRules(
    min_face_px=48, min_quality=0.25, same_person_distance=1.1, look_alike_distance=0.9
)


def replica_of(store: Store, comparable: Comparable) -> Replica:
    return Replica.load(store, comparable, choose_index("exact", DIMENSION))


def found(replica: Replica, person: int) -> list[str]:
    return [one.name for one in replica.search(face(person, 99)[None], 3)[0]]


def enroll_of_three_models(store: Store) -> None:
    store.enroll("Ann", [template(1, model_id="v1")])
    store.enroll("Bob", [template(2, model_id="v2"), template(2, 1, model_id="v1")])
    store.enroll("Cid", [template(3, model_id=OTHER)])


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5, unique=True))
def test_a_name_leads_back_to_the_models_whatever_the_order_of_the_others(models: list[str]) -> None:
    own, *others = models
    name = name_of((own, *others))
    assert name == name_of((own, *reversed(others)))
    assert own_model(named(name)) == own
    assert sorted(named(name)) == sorted(models)
    assert (len(models) == 1) == (name == own)


def test_one_model_is_comparable_with_itself() -> None:
    assert models_of("v1") == ("v1",) == PaintedRecogniser("v1").comparable
    assert name_of("v1") == name_of(("v1",)) == "v1"
    assert beside("v1", BOTH) == beside("v2", BOTH) == ("v2", "v1")
    assert beside(OTHER, BOTH) == (OTHER,)
    assert beside(OTHER, ()) == (OTHER,)


def test_a_gallery_of_old_templates_is_searched_with_new_probes(store: Store) -> None:
    enroll_of_three_models(store)
    replica = replica_of(store, BOTH)
    assert len(replica) == 3
    assert found(replica, 1) == ["Ann", "Bob"]
    assert found(replica, 3)[0] != "Cid"
    contents = store.contents(BOTH)
    assert contents.labels.tolist() == [1, 2, 3]
    assert contents.left_out(BOTH) == (
        "people whom other models than v2 alone know: 1; upgrade --status names them, and enrolling new photos makes "
        "them known to it"
    )


def test_old_probes_do_not_search_new_templates(store: Store) -> None:
    enroll_of_three_models(store)
    replica = replica_of(store, OLD.comparable)
    assert len(replica) == 2
    assert store.contents("v1").labels.tolist() == [1, 3]


def test_templates_of_several_models_are_read_in_order_of_label_a_piece_at_a_time(store: Store) -> None:
    for person in range(12):
        store.enroll(f"Person {person}", [template(person, model_id=("v1", "v2", OTHER)[person % 3])])
    read: list[int] = []
    while True:
        with store.database.reading() as connection:
            block = read_block(connection, BOTH, max(read, default=0), limit=3)
        if not len(block.labels):
            break
        read += block.labels.tolist()
    assert read == [label for label in range(1, 13) if label % 3]


def test_what_others_enroll_later_shows_if_it_can_be_compared(store: Store) -> None:
    enroll_of_three_models(store)
    source = Source(
        store.database, BOTH, lambda: build_replica(store.database, BOTH, choose_index("exact", DIMENSION))
    )
    followed = FollowedGallery(source.reload(), source, lambda own: 1.0, 0.01)
    store.enroll("Dan", [template(4, model_id="v1")])
    store.enroll("Eve", [template(5, model_id=OTHER)])
    store.forget(store.find("Ann").id)
    followed.step()
    assert found(followed.replica, 4)[0] == "Dan"
    assert len(followed.replica) == 3
    assert not {"Ann", "Eve"} & set(found(followed.replica, 5) + found(followed.replica, 1))


def test_templates_of_another_dimension_are_told_of_in_one_line(store: Store) -> None:
    store.enroll("Ann", [template(1, model_id="v1", dimension=DIMENSION)])
    store.enroll("Bob", [template(2, model_id="v2", dimension=32)])
    loads: list[Callable[[], object]] = [
        lambda: store.contents(BOTH),
        lambda: Replica.load(store, BOTH, choose_index("exact", 32)),
    ]
    for load in loads:
        with pytest.raises(GalleryError, match="vectors of v2 have 32 numbers and those of v1 64") as error:
            load()
        assert "compatible_with of v2" in str(error.value)
    assert len(Replica.load(store, "v2", choose_index("exact", 32))) == 1


def test_an_empty_gallery_of_the_new_model_is_of_the_old_dimension(store: Store) -> None:
    store.enroll("Ann", [template(1, model_id="v1", dimension=DIMENSION)])
    with pytest.raises(GalleryError, match="vectors of v2 have 32 numbers and those of v1 64"):
        Replica.load(store, BOTH, choose_index("exact", 32))


def test_strangers_of_the_old_model_are_known_and_named(store: Store) -> None:
    ann = store.enroll("Ann", [template(1, model_id="v1")]).person
    a, b = (f"s_{number:012x}" for number in (1, 2))
    seen = [
        replace(sighting(1, a, face_of=1), model_id="v2"),
        replace(sighting(2, b, face_of=2), model_id="v1"),
        replace(sighting(3, b, face_of=2), model_id=OTHER),
    ]
    kept, strangers = Sightings(store.database, BOTH), Strangers(store.database)
    kept.write(seen)
    assert strangers.known(BOTH).labels.tolist() == [1, 2]
    assert strangers.known("v1").labels.tolist() == [2]
    with pytest.raises(GalleryError, match="nothing to compare them by"):
        strangers.name(a, ann.id, RULES)
    named_now = strangers.name(a, ann.id, replace(RULES, comparable=BOTH))
    assert named_now.distance == pytest.approx(float(np.sum((face(1, 1) - face(1)) ** 2)), abs=1e-5)
    # A run that still calls the stranger by the old id: its sighting is measured against both models' templates.
    kept.write([replace(sighting(4, a, face_of=1), model_id="v1")])
    assert kept.at([4])[4].distance is not None


def test_a_face_of_somebody_merged_is_measured_against_old_templates(store: Store) -> None:
    ann = store.enroll("Ann", [template(1, model_id="v1")]).person
    anne = store.enroll("Anne", [template(1, 1, model_id="v1")]).person
    store.merge(anne.id, ann.id)
    new = replace(sighting(1, person=anne.id), model_id="v2")
    Sightings(store.database).write([new])
    assert Sightings(store.database).at([1])[1].distance is None
    Sightings(store.database, BOTH).write([replace(new, sighting_id="door:k3f9:7")])
    assert Sightings(store.database).at([2])[2].distance is not None


def test_past_sightings_of_the_old_model_are_found(store: Store) -> None:
    seen = [replace(sighting(number, face_of=number), model_id="v1") for number in (1, 2)]
    Sightings(store.database).write([*seen, replace(sighting(3, face_of=1), model_id=OTHER)])
    everything = PastFilter()
    past = Past(store.database, None, BOTH)
    answer = past.search(Probe(face(1, 1), BOTH), everything, 5)
    assert [one.label for one in answer.matches] == [1, 2]
    assert past.not_comparable() == 1
    assert Past(store.database, None, "v2").search(Probe(face(1), "v2"), everything, 5).compared == 0
    with pytest.raises(ValueError, match=r"the probe is of v2 and the past of v2 \+ v1"):
        past.search(Probe(face(1), "v2"), everything, 5)


def enroll(store: Store, recogniser: PaintedRecogniser, name: str, *faces: PaintedFace) -> Enrolment:
    photos = []
    for one in faces:
        image = paint([one])
        path = f"{one.person}.{one.shot}.png"
        photos.append(Photo(path, path, hashlib.sha256(image.tobytes()).hexdigest(), image))
    replica = replica_of(store, recogniser.comparable)
    looks = (recogniser.detect, recogniser.describe)
    return enroll_photos(store, replica, name, photos, *looks, recogniser.comparable, ENROLMENT)


def test_enrolment_compares_with_old_templates_and_writes_new_ones(store: Store) -> None:
    enroll(store, OLD, "Ann", PaintedFace(1, 1))
    again = enroll(store, NEW, "Ann", PaintedFace(1, 1), PaintedFace(1, 2), PaintedFace(7, 1))
    same, another, stranger = again.verdicts
    assert same.reason == "the same image is already enrolled for Ann"
    assert another.accepted
    assert not stranger.accepted
    assert (again.kept, [one.model_id for one in store.templates_of(store.find("Ann").id)]) == (
        2,
        ["v1", "v2"],
    )
    twin = enroll(store, NEW, "Bob", PaintedFace(1, 3)).verdicts[0]
    assert [one.name for one in twin.look_alikes] == ["Ann"]
    assert store.owners(same_image(1, 1), BOTH) == (store.find("Ann"),)
    assert store.owners(same_image(1, 1), "v2") == ()
    assert EnrolledImages.load(store, BOTH).owners(same_image(1, 1)) == (store.find("Ann"),)


def same_image(person: int, shot: int) -> str:
    return hashlib.sha256(paint([PaintedFace(person, shot)]).tobytes()).hexdigest()


def test_the_old_model_takes_a_photo_that_only_the_new_one_knows(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        enroll(store, NEW, "Ann", PaintedFace(1, 1))
        assert enroll(store, OLD, "Ann", PaintedFace(1, 1)).verdicts[0].accepted
