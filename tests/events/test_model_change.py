"""Sightings that are open while the model is changed: each distance is held to the limit of its own model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.events.judging import Judging
from pipeline.events.sighting import distance_between
from pipeline.types import GalleryState, Match, Matched
from tests.events.door import GALLERY, RULES, Door, face, match, people

STRICT, LAX = 0.5, 1.4


class ChangingDoor(Door):
    """A door whose frames are of the model that the test says, each with a distance for names of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.gallery = replace(GALLERY, model_id="v1")
        advance = self.book.advance

        def of_model(item: Matched, *shots: object) -> object:
            return advance(replace(item, gallery=self.gallery), *shots)  # type: ignore[arg-type]

        self.book.advance = of_model  # type: ignore[method-assign, assignment]

    def change(self, max_distance: float) -> None:
        self.gallery = GalleryState(2, max_distance, model_id="v2")

    def seen(self, track: int, *, shots: int = 3, **distances: float) -> Sequence[str]:
        """A frame with a match of the model that is in force."""
        width = 64 if self.gallery.model_id == "v1" else 32
        template = face(track)[:width] / np.linalg.norm(face(track)[:width])
        found = match(track, people(**distances), shots=shots, template=template.astype(np.float32))
        return self.frame([track], replace(found, model_id=self.gallery.model_id))


def test_a_name_stays_while_the_new_model_has_said_nothing() -> None:
    door = ChangingDoor()
    assert door.seen(1, ann=0.7, bob=1.6) == ["new 1 ann"]
    door.change(STRICT)
    assert door.frames(30, [1]) == []  # 0.7 is beyond the new limit, and is not its distance
    assert door.end() == ["end 1 ann"]
    last = door.events[-1]
    assert (last.embedder, last.threshold, last.distance) == ("v1", RULES.max_distance, 0.7)


@pytest.mark.parametrize(
    "again", [{"bob": 0.2, "ann": 1.9}, {"ann": 1.9, "bob": 2.0}], ids=["somebody else", "nobody"]
)
def test_one_shot_of_the_new_model_renames_nobody(again: dict[str, float]) -> None:
    door = ChangingDoor()
    door.seen(1, ann=0.5, bob=1.6)
    door.change(LAX)
    assert door.seen(1, shots=1, **again) == []
    (told,) = door.seen(1, shots=2, **again)
    assert told == ("update 1 bob" if "bob" in again and again["bob"] < LAX else "update 1 ?")
    assert (door.events[-1].embedder, door.events[-1].threshold) == ("v2", LAX)


def test_the_new_model_that_agrees_says_nothing() -> None:
    door = ChangingDoor()
    door.seen(1, ann=0.5, bob=1.6)
    door.change(LAX)
    for shots in (1, 2, 3):
        assert door.seen(1, shots=shots, ann=1.3, bob=1.9) == []
    assert door.end() == ["end 1 ann"]
    assert door.events[-1].embedder == "v2"
    assert door.events[-1].template is not None
    assert door.events[-1].template.shape == (32,)


def test_an_unknown_face_is_named_by_the_new_model_after_two_shots() -> None:
    door = ChangingDoor()
    assert door.seen(1, ann=1.5) == []
    assert door.frames(10, [1]) == ["new 1 ?"]
    door.change(LAX)
    assert door.seen(1, shots=1, ann=0.3) == []
    assert door.seen(1, shots=2, ann=0.3) == ["update 1 ann"]


def test_a_lost_face_that_comes_back_under_the_new_model_is_compared_by_name_alone() -> None:
    door = ChangingDoor()
    door.seen(1, ann=0.5, bob=1.6)
    door.frames(3, [1])
    door.frames(5, [])
    door.change(LAX)
    assert door.seen(2, ann=0.5, bob=1.9) == []
    assert door.end() == ["end 1 ann"]


def test_an_unknown_lost_face_is_another_sighting_under_the_new_model() -> None:
    door = ChangingDoor()
    door.seen(1, ann=1.6)
    door.frames(11, [1])
    door.frames(5, [])
    door.change(LAX)
    door.seen(2, ann=1.6)
    assert door.frames(11, [2]) == ["new 2 ?"]


def test_templates_of_two_models_are_as_far_apart_as_can_be() -> None:
    ours = match(1, ())
    assert distance_between(ours, ours) == 0.0
    theirs = Match(2, face(2)[:8], 1, 1.0, 0.5, (), "v2")
    assert distance_between(ours, theirs) == 4.0


def test_without_evidence_the_last_frame_s_gallery_counts() -> None:
    judging = Judging(RULES)
    judging.follow(GalleryState(3, STRICT, model_id="v1"))
    door = ChangingDoor()
    door.frame([1])
    (sighting,) = door.book._open.values()
    assert judging.gallery_of(sighting).max_distance == STRICT
    assert judging.rules_of(sighting).max_distance == STRICT
