"""The decision rule: threshold, margin, and no name twice in one image."""

from __future__ import annotations

import pytest

from pipeline.gallery.decision import Decision, assign_names, decide
from pipeline.types import Candidate


def candidate(person: str, distance: float) -> Candidate:
    return Candidate(f"p_{person}", person.title(), distance)


def test_an_empty_gallery_decides_nothing() -> None:
    assert decide([], 0.9, 0.08) == Decision(None, None, None)


def test_a_near_person_far_from_the_second_is_named() -> None:
    ann, bob = candidate("ann", 0.5), candidate("bob", 1.25)
    assert decide([ann, bob], 0.9, 0.08) == Decision(ann, 0.5, 0.75)


def test_the_only_person_of_a_gallery_needs_no_margin() -> None:
    ann = candidate("ann", 0.5)
    assert decide([ann], 0.9, 0.08) == Decision(ann, 0.5, None)


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (0.875, 1.5, True),
        (0.9, 1.5, False),  # the threshold itself is too far
        (0.5, 0.5625, False),
        (0.5, 0.625, True),  # the margin itself is enough
        (0.5, 0.5, False),
    ],
)
def test_the_borders_of_threshold_and_margin(first: float, second: float, named: bool) -> None:
    decision = decide([candidate("ann", first), candidate("bob", second)], 0.9, 0.125)
    assert (decision.identity is not None) == named
    assert decision.distance == first
    assert decision.margin == second - first


def test_candidates_out_of_order_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="nearest first"):
        decide([candidate("ann", 0.5), candidate("bob", 0.4)], 0.9, 0.08)


def test_one_person_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="different people, got p_ann twice"):
        decide([candidate("ann", 0.5), candidate("ann", 0.6)], 0.9, 0.08)


def test_the_nearest_of_two_faces_keeps_the_name() -> None:
    far = decide([candidate("ann", 0.5), candidate("bob", 0.7)], 0.9, 0.08)
    near = decide([candidate("ann", 0.25)], 0.9, 0.08)
    bob = decide([candidate("bob", 0.375)], 0.9, 0.08)
    assert assign_names([far, near, bob]) == (Decision(None, 0.5, far.margin), near, bob)


def test_the_first_of_two_equal_faces_keeps_the_name() -> None:
    face = decide([candidate("ann", 0.5)], 0.9, 0.08)
    assert assign_names([face, face, face]) == (face, Decision(None, 0.5, None), Decision(None, 0.5, None))


def test_unknown_faces_stay_as_they_are() -> None:
    unknown = decide([candidate("ann", 1.5)], 0.9, 0.08)
    nobody = decide([], 0.9, 0.08)
    assert assign_names([unknown, nobody, unknown]) == (unknown, nobody, unknown)
