"""Which gate a face failed first, in the order of the pipeline."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alignment.quality import RATE, Quality
from pipeline.events.why.shortfall import (
    COST_RATE,
    SPOILED,
    WORTH_TELLING,
    BestLook,
    Facts,
    Limits,
    Near,
    Reason,
    Shortfall,
    shortfall_of,
)
from pipeline.types import QUALITY_PARTS

LIMITS = Limits(
    max_distance=1.0, min_margin=0.1, keep_margin=0.1, min_shots=2, min_quality=0.1, min_seen_s=0.25
)
CLEAR = (1.0,) * len(QUALITY_PARTS)
ANN, BOB = Near("p_1", 0.6, "Ann"), Near("p_2", 1.2, "Bob")


def look(**parts: float) -> BestLook:
    """A look with these parts, and no other defect."""
    values = tuple(parts.get(name, 1.0) for name in QUALITY_PARTS)
    return BestLook(math.prod(values), 60.0, values)


SEEN = Facts(
    looks=20,
    best=look(),
    shots=5,
    nearest=(ANN, BOB),
    seen_s=2.0,
    over=True,
    published=True,
    limits=LIMITS,
    people=2,
    comparable=2,
)
"""everything is as it should be: whoever looks like this and has no name found it taken"""


def reason(**changed: object) -> Reason:
    return shortfall_of(replace(SEEN, **changed)).reason  # type: ignore[arg-type]


def test_the_parts_of_the_quality_are_those_that_are_judged() -> None:
    assert tuple(field.name for field in fields(Quality)) == QUALITY_PARTS
    assert len(SPOILED) == len(QUALITY_PARTS)
    assert COST_RATE == RATE


@pytest.mark.parametrize(("part", "said"), list(zip(QUALITY_PARTS, SPOILED, strict=True)))
def test_a_face_never_clear_enough_is_told_of_by_its_worst_part(part: str, said: Reason) -> None:
    spoiled = look(**{part: 0.04})
    assert shortfall_of(replace(SEEN, best=spoiled, shots=0, nearest=())) == Shortfall(
        said, spoiled.quality, LIMITS.min_quality
    )


def test_a_judge_without_parts_says_only_that() -> None:
    assert reason(best=BestLook(0.04, 60.0), shots=0, nearest=()) is Reason.UNCLEAR


def test_nobody_to_compare_with() -> None:
    nobody = {"nearest": (), "comparable": 0}
    assert reason(**nobody, people=0) is Reason.EMPTY_GALLERY
    assert reason(**nobody, people=0, listed=True) is Reason.EMPTY_WATCHLIST
    assert reason(**nobody, people=7) is Reason.NOT_COMPARABLE
    assert reason(**nobody, people=7, listed=True) is Reason.NOT_COMPARABLE
    assert reason(nearest=(), people=None, comparable=None) is Reason.EMPTY_GALLERY


def test_too_far_says_how_far_and_from_which_limit() -> None:
    far = replace(SEEN, nearest=(Near("p_1", 1.3), Near("p_2", 1.31)))
    assert shortfall_of(far) == Shortfall(Reason.TOO_FAR, 1.3, LIMITS.max_distance)
    assert reason(nearest=(Near("p_1", 1.0),)) is Reason.TOO_FAR


def test_a_bad_picture_is_to_blame_where_its_defect_may_cost_what_the_distance_lacks() -> None:
    blurred = look(sharpness=0.4)  # costs 0.305
    assert reason(best=blurred, nearest=(Near("p_1", 1.30),)) is Reason.BLURRED
    assert reason(best=blurred, nearest=(Near("p_1", 1.31),)) is Reason.TOO_FAR
    hardly = look(sharpness=WORTH_TELLING + 0.01)
    assert reason(best=hardly, nearest=(Near("p_1", 1.0),)) is Reason.TOO_FAR
    assert reason(best=replace(blurred, parts=()), nearest=(Near("p_1", 1.1),)) is Reason.TOO_FAR


def test_a_bad_picture_is_not_to_blame_for_a_small_margin() -> None:
    near = (ANN, Near("p_2", 0.65))
    assert reason(best=look(pose=0.2), nearest=near) is Reason.MARGIN_TOO_SMALL


def test_the_margin_is_between_two_people() -> None:
    short = shortfall_of(replace(SEEN, nearest=(ANN, Near("p_2", 0.65))))
    assert (short.reason, short.limit) == (Reason.MARGIN_TOO_SMALL, LIMITS.min_margin)
    assert short.measured == pytest.approx(0.05)
    assert reason(nearest=(ANN,)) is Reason.NAME_TAKEN


def test_too_few_shots_and_gone_too_soon() -> None:
    assert shortfall_of(replace(SEEN, shots=1, over=False)) == Shortfall(Reason.FEW_SHOTS, 1.0, 2.0)
    assert reason(shots=1, over=True) is Reason.FEW_SHOTS
    gone = replace(SEEN, shots=1, published=False, seen_s=0.1)
    assert shortfall_of(gone) == Shortfall(Reason.ENDED_EARLY, 0.1, LIMITS.min_seen_s)
    assert reason(shots=0, nearest=(), best=look(), over=False) is Reason.FEW_SHOTS
    assert reason(shots=0, nearest=(), best=None, published=False) is Reason.ENDED_EARLY


def test_whoever_passes_every_gate_found_the_name_taken() -> None:
    assert shortfall_of(SEEN) == Shortfall(Reason.NAME_TAKEN)


numbers = st.floats(0.0, 4.0)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Any sighting."""
    parts = tuple(draw(st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6)))
    shots = draw(st.integers(0, 5))
    near = sorted(draw(st.lists(numbers, max_size=2))) if shots else []
    return Facts(
        looks=draw(st.integers(1, 50)),
        best=draw(st.none() | st.just(BestLook(math.prod(parts), 40.0, parts))),
        shots=shots,
        nearest=tuple(Near(f"p_{at}", distance) for at, distance in enumerate(near)),
        seen_s=draw(st.floats(0.0, 10.0)),
        over=draw(st.booleans()),
        published=draw(st.booleans()),
        limits=LIMITS,
        people=draw(st.none() | st.integers(0, 3)),
        comparable=draw(st.none() | st.integers(0, 3)),
        listed=draw(st.booleans()),
    )


@given(facts())
def test_what_is_said_is_true(one: Facts) -> None:
    """Whatever the sighting, the gate that is named was failed, and those before it were not."""
    said = shortfall_of(one)
    nearest = one.nearest[0].distance if one.nearest else None
    far = nearest is not None and nearest >= LIMITS.max_distance
    close = one.margin is not None and one.margin < LIMITS.min_margin
    match said.reason:
        case Reason.EMPTY_GALLERY | Reason.EMPTY_WATCHLIST | Reason.NOT_COMPARABLE:
            assert one.shots
            assert nearest is None
        case Reason.TOO_FAR:
            assert far
        case Reason.MARGIN_TOO_SMALL:
            assert close
            assert not far
        case Reason.FEW_SHOTS:
            assert not far
            assert not close
            assert one.shots < LIMITS.min_shots
        case Reason.ENDED_EARLY:
            assert one.over
            assert not one.published
        case Reason.NAME_TAKEN:
            assert not far
            assert not close
            assert one.shots >= LIMITS.min_shots
        case _:
            assert one.best is not None
            assert far or (not one.shots and one.best.quality < LIMITS.min_quality)
    assert said == shortfall_of(one)
