"""What is kept of an explanation: everything that was decided by, and nobody's name or id."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from pipeline.events.encode import encode as encode_event
from pipeline.events.why.explanation import Explanation, decode, encode, explain, nearest_ids, readable
from pipeline.events.why.shortfall import Facts, Near, Reason
from tests.events.strategies import an_event
from tests.events.why.test_shortfall import ANN, SEEN, facts, look

FAR = replace(SEEN, nearest=(Near("p_1", 1.25, "Ann"), Near("p_2", 1.5, "Bob")), best=look(size=0.8))


def test_a_named_sighting_has_no_shortfall() -> None:
    assert explain(SEEN, named=True).shortfall is None
    short = explain(FAR, named=False).shortfall
    assert short is not None
    assert short.reason is Reason.TOO_FAR


@given(facts())
def test_what_was_kept_is_read_again_but_for_rounding_and_names(one: Facts) -> None:
    told = explain(one, named=False)
    text = encode(told)
    again = decode(text, nearest_ids(told))
    assert encode(again) == text
    assert again.shortfall is not None
    assert told.shortfall is not None
    assert again.shortfall.reason is told.shortfall.reason
    assert [near.person_id for near in again.facts.nearest] == [near.person_id for near in one.nearest]
    assert (again.facts.looks, again.facts.shots, again.facts.over) == (one.looks, one.shots, one.over)


def test_the_text_names_nobody_and_is_short() -> None:
    text = encode(explain(FAR, named=False))
    assert "p_1" not in text
    assert "Ann" not in text
    assert len(text) < 450
    assert "\n" not in text


def test_somebody_who_is_gone_leaves_the_distance() -> None:
    again = decode(encode(explain(FAR, named=False)), (None, "p_2"))
    assert again.facts.nearest == (Near(None, 1.25), Near("p_2", 1.5))
    assert decode(encode(explain(FAR, named=False))).facts.nearest == (Near(None, 1.25), Near(None, 1.5))


@pytest.mark.parametrize("text", ["", "{}", "null", "[1]", '{"v": 2}', "\x00", '{"v": 1, "short": 5}'])
def test_what_was_not_written_here_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        decode(text)
    assert readable(text) is None


def test_a_reason_of_a_newer_facestream_is_not_understood() -> None:
    text = json.loads(encode(Explanation(replace(SEEN, nearest=(ANN,)), explain(FAR, named=False).shortfall)))
    text["short"]["reason"] = "sneezed"
    assert readable(json.dumps(text)) is None
    assert readable(None) is None


def test_no_event_says_anything_of_it() -> None:
    event = an_event()
    told = replace(event, explanation=explain(FAR, named=False))
    assert encode_event(told) == encode_event(event)
    assert told == event
    assert "Ann" not in repr(replace(told, candidates=(), identity=None))
