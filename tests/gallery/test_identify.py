"""1:N on one photo: the names, the order of faces, and no name twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.gallery.identify import IdentifiedFace, identify_faces
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store

RECOGNISER = PaintedRecogniser()
LEFT, MIDDLE, RIGHT = (5, 40, 65, 110), (85, 30, 145, 100), (165, 50, 225, 120)


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    with Store(tmp_path) as store:
        for name, person in (("Ann", 1), ("Bob", 2), ("Cy", 3)):
            vector = RECOGNISER.vector(person)
            store.enroll(name, [NewTemplate("painted", vector, 0.8, "a.png", f"{person:064}")])
        return Replica.load(store, "painted", choose_index("hnsw", RECOGNISER.dimension))


def look(replica: Replica, *faces: PaintedFace, count: int = 5) -> tuple[IdentifiedFace, ...]:
    return identify_faces(paint(faces), RECOGNISER, replica, 0.9, 0.08, count)


def named(faces: tuple[IdentifiedFace, ...]) -> list[str | None]:
    return [None if face.decision.identity is None else face.decision.identity.name for face in faces]


def test_a_photo_without_a_face_has_none(replica: Replica) -> None:
    assert look(replica) == ()


def test_faces_come_from_left_to_right_with_their_names(replica: Replica) -> None:
    faces = look(
        replica, PaintedFace(9, box=RIGHT), PaintedFace(1, 1, box=MIDDLE), PaintedFace(2, 1, box=LEFT)
    )
    assert named(faces) == ["Bob", "Ann", None]
    assert faces[0].box == pytest.approx((5 / 240, 40 / 180, 65 / 240, 110 / 180))
    assert faces[0].quality == pytest.approx(0.8)
    assert faces[0].candidates[0].name == "Bob"
    assert len(faces[0].candidates) == 3
    assert faces[2].decision.distance == faces[2].candidates[0].distance


def test_nobody_is_named_twice_in_one_photo(replica: Replica) -> None:
    exact, near = PaintedFace(1, 0, box=LEFT), PaintedFace(1, 4, box=RIGHT)
    assert named(look(replica, near)) == ["Ann"]
    assert named(look(replica, exact, near)) == ["Ann", None]


def test_the_margin_counts_even_when_one_candidate_is_asked_for(replica: Replica) -> None:
    (face,) = look(replica, PaintedFace(1), count=1)
    assert [one.name for one in face.candidates] == ["Ann"]
    assert face.decision.margin is not None


def test_an_empty_gallery_knows_nobody(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        empty = Replica.load(store, "painted", choose_index("hnsw", RECOGNISER.dimension))
    (face,) = look(empty, PaintedFace(1))
    assert (face.candidates, face.decision.identity, face.decision.distance) == ((), None, None)
