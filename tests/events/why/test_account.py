"""A sighting explained line by line, from its event and from what was kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.why.account import account_of, account_of_kept, document, in_words
from pipeline.events.why.explanation import encode, explain, nearest_ids
from pipeline.events.why.gates import gates
from pipeline.events.why.shortfall import Facts, Near
from pipeline.gallery.sightings.kept_explanations import KeptSighting
from pipeline.gallery.sightings.sighting_records import Called
from tests.events.strategies import an_event
from tests.events.why.test_shortfall import ANN, SEEN, look
from tests.gallery.made_sightings import sighting

BLURRED = replace(SEEN, best=look(sharpness=0.06), shots=0, nearest=())
FAR = replace(SEEN, nearest=(Near("p_1", 1.254, "Ann"), Near("p_2", 1.5, "Bob")))
BLAMED = replace(FAR, best=look(pose=0.3))


def event(facts: Facts, *, named: bool = False, kind: EventType = EventType.END) -> IdentityEvent:
    plain = an_event(seq=2) if named else an_event(seq=2, who=None)
    return replace(plain, type=kind, explanation=explain(facts, named=named))


def test_gates_are_told_up_to_the_one_that_failed() -> None:
    told = gates(explain(FAR, named=False))
    assert [gate.passed for gate in told] == [True, True, False, None, None, None]
    assert told[2].said == "Ann at 1.254, needs below 1.000"
    assert told[3].said == "Bob at 1.500, 0.246 farther, needs 0.100"
    assert told[5].said == ""
    assert [gate.passed for gate in gates(explain(SEEN, named=True))] == [True] * 6
    assert [gate.passed for gate in gates(explain(BLURRED, named=False))] == [False, *[None] * 5]
    assert [gate.passed for gate in gates(explain(SEEN, named=False))] == [*[True] * 5, False]


def test_a_picture_that_is_to_blame_is_told_of_where_it_was_embedded() -> None:
    first = gates(explain(BLAMED, named=False))[0]
    assert first.passed is False
    assert first.said == (
        "quality 0.30, needs 0.10; 5 shots compared; turned away, which may be all of the 0.254 that the "
        "distance is too far"
    )


def test_a_name_that_is_kept_and_one_given_with_few_shots_say_so() -> None:
    kept = gates(explain(replace(SEEN, nearest=(Near("p_1", 1.05, "Ann"),)), named=True))
    assert kept[2].said == "Ann at 1.050, needs below 1.000, and a name once given is kept 0.100 beyond"
    few = gates(explain(replace(SEEN, shots=1), named=True))
    assert few[4].said == "1, needs 2, or what there is when it ends; seen for 2.0 s"


def test_a_named_sighting_in_words() -> None:
    assert in_words(account_of(event(SEEN, named=True)), "matching.max_distance gives it") == (
        "door:k3f9:17  Ann (p_3f)",
        "camera door, replay, 1280x720: 2024-05-01T12:00:00.000Z to 2024-05-01T12:00:01.500Z, over",
        "20 looks; the clearest: 60 px, quality 1.00 = size 1.00, sharpness 1.00, pose 1.00, light 1.00, "
        "detector 1.00, in front 1.00",
        "clear enough?              yes  quality 1.00, needs 0.10; 5 shots compared",
        "somebody to compare with?  yes  2 people in the gallery, 2 with templates of this model",
        "near enough?               yes  Ann at 0.600, needs below 1.000",
        "nearer than the second?    yes  Bob at 1.200, 0.600 farther, needs 0.100",
        "enough shots?              yes  5, needs 2; seen for 2.0 s",
        "the name is free?          yes  nobody else who was in the picture has it",
        "names are given below 1.000 (gallery version 42): matching.max_distance gives it",
        "so: named",
    )


def test_an_unnamed_sighting_ends_with_what_to_change() -> None:
    lines = in_words(account_of(event(FAR, kind=EventType.UPDATE)))
    assert lines[0] == "door:k3f9:17  unknown (s_41)"
    assert lines[1].endswith("going on, or cut off")
    assert lines[-3] == "so: near nobody"
    assert lines[-2].startswith("to change: ")
    assert lines[-1] == "if you know who it is: python run_pipeline.py strangers name s_41 NAME"


def test_a_sighting_that_an_operator_named_since() -> None:
    later = replace(event(FAR), identity=an_event().identity, stranger_id=None)
    assert in_words(account_of(later))[-1] == "so: near nobody; an operator has said since who it is"


def test_a_sighting_from_before_there_were_explanations() -> None:
    old = account_of(an_event())
    assert in_words(old)[-1].startswith("why: not known")
    told = document(old)
    assert (told["reason"], told["hint"]) == (None, None)
    json.dumps(told, allow_nan=False)


def test_the_document_has_the_numbers() -> None:
    told = document(account_of(event(BLAMED)), "somewhere")
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["reason"], told["measured"], told["limit"]) == ("turned_away", 1.254, 1.0)
    assert told["nearest"] == [
        {"id": "p_1", "name": "Ann", "distance": 1.254},
        {"id": "p_2", "name": "Bob", "distance": 1.5},
    ]
    assert told["best"] == {
        "px": 60.0,
        "quality": 0.3,
        "parts": {
            "size": 1.0,
            "sharpness": 1.0,
            "pose": 0.3,
            "exposure": 1.0,
            "detection": 1.0,
            "occlusion": 1.0,
        },
    }
    assert told["lines"] == list(in_words(account_of(event(BLAMED)), "somewhere"))


def test_what_was_kept_is_told_with_the_names_of_today() -> None:
    why = explain(FAR, named=False)
    seen = replace(sighting(3), explanation=encode(why), nearest=nearest_ids(why))
    kept = account_of_kept(KeptSighting(seen, None, (Called("p_1", "Anna"), None)))
    assert kept.explanation is not None
    assert kept.explanation.facts.nearest == (Near("p_1", 1.254, "Anna"), Near(None, 1.5))
    lines = in_words(kept)
    assert any("Anna at 1.254" in line for line in lines)
    assert any("somebody who is gone at 1.500" in line for line in lines)
    assert (kept.sighting_id, kept.over, kept.identity) == (seen.sighting_id, True, None)


@pytest.mark.parametrize("text", [None, "rubbish"])
def test_what_cannot_be_read_is_told_without_reasons(text: str | None) -> None:
    kept = account_of_kept(KeptSighting(replace(sighting(3), explanation=text), Called("p_9", "Eve"), ()))
    assert kept.explanation is None
    assert kept.identity is not None
    assert in_words(kept)[0].endswith("Eve (p_9)")


def test_nobody_to_compare_with_says_where() -> None:
    none = replace(SEEN, nearest=(), people=0, comparable=0)
    told = gates(explain(none, named=False))[1]
    assert (told.passed, told.said) == (False, "0 people in the gallery, 0 with templates of this model")
    listed = gates(explain(replace(none, people=1, listed=True), named=False))[1]
    assert listed.said == "1 person on the camera's watchlists, 0 with templates of this model"
    assert gates(explain(replace(SEEN, comparable=None, nearest=(ANN,)), named=True))[1].said == "yes"
