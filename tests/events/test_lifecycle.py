"""The life of a sighting, frame by frame, with the expected events spelled out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.events.door import EPOCH, Door, face, match, people


def test_a_known_person_gets_one_new_and_one_end() -> None:
    door = Door()
    assert door.frame([1]) == []
    assert door.frame([1], match(1, people(ann=0.5, bob=1.2))) == ["new 1 ann"]
    assert door.frames(10, [1]) == []
    assert door.frames(20, []) == []
    assert door.frame([]) == ["end 1 ann"]
    assert door.end() == []
    new, end = door.events
    assert (new.seq, end.seq) == (1, 2)
    assert new.stranger_id is None
    assert new.margin is not None
    assert abs(new.margin - 0.7) < 1e-9
    assert new.box == (100 / 640, 50 / 360, 160 / 640, 130 / 360)
    assert end.seen_at == EPOCH + timedelta(seconds=1.1)
    assert end.first_seen_at == EPOCH
    assert end.published_at == end.seen_at
    assert new.event_id != end.event_id


def test_candidates_are_people_the_face_may_be() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=1.0, bob=1.2, eve=1.3)))
    door.frames(10, [1])
    (new,) = door.events
    assert [c.name for c in new.candidates] == ["ann", "bob"]


def test_a_name_needs_enough_shots() -> None:
    door = Door()
    assert door.frame([1], match(1, people(ann=0.5), shots=1)) == []
    assert door.frame([1], match(1, people(ann=0.5), shots=2)) == ["new 1 ann"]


def test_a_stranger_is_published_as_unknown_after_a_while_and_stays_unknown() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=1.3, bob=1.4)))
    assert door.frames(9, [1]) == []
    assert door.frame([1]) == ["new 1 ?"]
    assert door.end() == ["end 1 ?"]
    assert door.events[0].stranger_id == door.events[1].stranger_id
    assert door.events[0].stranger_id is not None


def test_a_face_never_clear_enough_for_an_embedding_is_unknown_if_it_stays() -> None:
    door = Door()
    door.frames(10, [1])
    assert door.frames(20, [1]) == ["new 1 ?"]
    assert door.end() == ["end 1 ?"]
    assert door.events[0].distance is None
    assert door.events[0].frames_fused == 0


def test_an_unclear_face_that_passes_is_not_published() -> None:
    door = Door()
    door.frames(9, [1])
    assert door.end() == []


def test_a_passing_false_detection_is_not_published() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=1.3)))
    door.frame([1])
    assert door.frames(40, []) == []


def test_a_short_sighting_is_decided_on_what_there_is() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=0.5), shots=1))
    door.frames(4, [1])
    assert door.end() == ["new 1 ann", "end 1 ann"]


def test_no_name_without_a_margin_to_the_second_person() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=0.50, bob=0.55)))
    assert door.frames(10, [1]) == ["new 1 ?"]


def test_a_name_is_withdrawn_when_better_shots_speak_against_it() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=0.85)))
    assert door.frame([1], match(1, people(ann=0.95))) == []  # kept a little beyond the threshold
    assert door.frame([1], match(1, people(ann=1.05))) == ["update 1 ?"]
    update = door.events[-1]
    assert update.previous_identity is not None
    assert update.previous_identity.name == "ann"
    assert update.stranger_id is not None
    assert door.frame([1], match(1, people(ann=0.95))) == []  # beyond the threshold: not given anew


def test_an_unknown_becomes_known_by_an_update() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=1.2)))
    door.frames(10, [1])
    assert door.frame([1], match(1, people(ann=0.6))) == ["update 1 ann"]
    assert door.events[-1].previous_identity is None


def test_a_clearly_better_shot_is_an_update() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=0.5), quality=0.4))
    assert door.frame([1], match(1, people(ann=0.5), quality=0.5)) == []
    assert door.frame([1], match(1, people(ann=0.4), quality=0.7)) == ["update 1 ann"]


def test_no_person_is_named_twice_in_one_frame() -> None:
    door = Door()
    said = door.frame([1, 2], match(1, people(ann=0.7)), match(2, people(ann=0.5)))
    assert said == ["new 1 ann"]  # track 2, the nearer
    assert door.frames(10, [1, 2]) == ["new 2 ?"]
    assert door.frame([1, 2], match(1, people(ann=0.3))) == ["update 1 ?", "update 2 ann"]


def test_who_shared_a_frame_never_takes_the_same_name_later() -> None:
    door = Door()
    door.frame([1, 2], match(1, people(ann=0.5)), match(2, people(ann=1.3)))
    door.frames(10, [1, 2])  # 2 is published as unknown
    assert door.frames(5, [2]) == []  # 1 is out of sight, its sighting still open
    assert door.frame([2], match(2, people(ann=0.5))) == []
    door.frames(30, [2])  # 1 has ended
    assert door.frame([2], match(2, people(ann=0.5))) == []
    assert door.said == ["new 1 ann", "new 2 ?", "end 1 ann"]


def test_a_lost_track_continues_as_the_same_sighting() -> None:
    door = Door()
    ann = face(99)
    door.frame([1], match(1, people(ann=0.5), template=ann))
    door.frames(5, [1])
    door.frames(10, [])
    door.frame([2])
    assert door.frame([2], match(2, people(ann=0.8), template=face(98))) == []  # by name
    assert door.end() == ["end 1 ann"]
    assert door.events[-1].first_seen_at == EPOCH


def test_an_unknown_face_continues_by_likeness_and_another_does_not() -> None:
    door = Door()
    stranger = face(99)
    door.frame([1], match(1, (), template=stranger))
    door.frames(12, [1])
    door.frames(5, [])
    door.frame([2], match(2, (), template=stranger))
    door.frames(12, [2])
    door.frames(5, [])
    door.frame([3], match(3, (), template=face(98)))
    door.frames(12, [3])
    assert door.end() == ["end 1 ?", "end 2 ?"]
    assert door.said == ["new 1 ?", "new 2 ?", "end 1 ?", "end 2 ?"]


def test_two_tracks_that_turn_out_to_be_two_people_part_again() -> None:
    door = Door()
    twin = face(99)
    door.frame([1], match(1, people(ann=0.5), template=twin))
    door.frames(5, [1])
    door.frame([], predicted=[1])
    door.frame([2], match(2, (), template=twin), predicted=[1])
    door.frame([2], predicted=[1])  # taken for the same sighting
    said = door.frame([1, 2])  # both at once
    assert said == []
    door.frames(12, [1, 2])
    assert door.end() == ["end 1 ann", "end 2 ?"]


def test_predicted_boxes_do_not_prolong_a_sighting() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=0.5)))
    for _ in range(20):
        assert door.frame([1], observed=False) == []
    assert door.frame([1], observed=False) == ["end 1 ann"]


def test_named_tracks_are_those_that_are_followed_and_have_a_name() -> None:
    door = Door()
    door.frame([1, 2], match(1, people(ann=0.5)), match(2, people(bob=1.4)))
    assert door.book.named_tracks == {1: "p_ann"}
    door.frame([2])
    assert door.book.named_tracks == {}


def test_withdrawals_come_before_namings() -> None:
    door = Door()
    door.frame([1, 2], match(1, people(bob=1.5)), match(2, people(ann=0.5)))
    door.frames(10, [1, 2])
    assert door.said == ["new 1 ann", "new 2 ?"]
    said = door.frame([1, 2], match(1, people(ann=0.4)), match(2, people(ann=1.4)))
    assert said == ["update 1 ?", "update 2 ann"]


def test_two_who_were_mixed_up_lose_the_wrong_names_before_they_get_the_right_ones() -> None:
    door = Door()
    door.frame([1, 2], match(1, people(ann=0.5, bob=0.8)), match(2, people(bob=0.5, ann=0.8)))
    assert door.said == ["new 1 ann", "new 2 bob"]
    said = door.frame([1, 2], match(1, people(bob=0.3, ann=0.8)), match(2, people(ann=0.3, bob=0.8)))
    assert said == ["update 1 ?", "update 2 ?"]
    assert door.frame([1, 2]) == ["update 1 bob", "update 2 ann"]


@pytest.mark.parametrize("ann_ended", [False, True])
def test_who_parts_from_another_is_not_who_was_seen_beside_either(ann_ended: bool) -> None:
    door = Door()
    twin = face(99)
    door.frame([1, 5], match(1, (), template=twin), match(5, people(ann=0.5)))
    door.frames(25 if ann_ended else 2, [1])
    door.frame([2], match(2, (), template=twin), predicted=[1])  # taken for 1, who was lost
    door.frame([1, 2])  # but there are two of them
    assert door.frame([1, 2], match(2, people(ann=0.4), template=twin)) == []
    door.frames(12, [1, 2])
    door.end()
    assert [line for line in door.said if "new" in line] == ["new 1 ann", "new 2 ?", "new 3 ?"]


def test_who_stands_beside_a_person_does_not_continue_her_earlier_sighting() -> None:
    door = Door()
    door.frame([1], match(1, people(ann=0.5)))
    door.frames(11, [2])  # published before anything is known of the face
    assert door.frame([2], match(2, people(ann=0.5))) == ["update 2 ann"]  # her again: 1 is about to end
    assert door.frame([2, 3], match(3, people(ann=0.6))) == []
