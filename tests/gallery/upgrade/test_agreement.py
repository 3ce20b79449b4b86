"""Who would be recognised differently, against a plain loop, and told by kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.gallery.upgrade import agreement as agreement_module
from pipeline.gallery.upgrade.agreement import Agreement, Compared, Kind, Rule, agreement
from tests.gallery.people import unit

RULE = Rule(max_distance=0.9, min_margin=0.08)


def at(*degrees: float) -> F32:
    """Unit vectors in the plane; two that are a apart in angle have the squared L2 distance 2 - 2 cos a."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def kinds(found: Agreement) -> list[tuple[str, str, str | None]]:
    return [(one.kind.value, one.person_id, one.other_id) for one in found.differences]


def test_the_same_vectors_change_nothing() -> None:
    vectors = at(0, 10, 120, 130)
    found = agreement(Compared(("a", "a", "b", "b"), vectors, vectors), RULE, RULE)
    assert (found.people, found.faces, found.differences, found.share) == (2, 4, (), 0.0)
    assert (found.old.asked, found.old.right, found.old.wrong) == (4, 4, 0)


def test_a_face_that_is_not_found_any_more_and_one_that_is_now() -> None:
    old, new = at(0, 10, 120, 220), at(0, 100, 220, 230)
    found = agreement(Compared(("a", "a", "b", "b"), old, new), RULE, RULE)
    assert kinds(found) == [("not_found", "a", None), ("found", "b", None)]
    assert found.worse == {"a"}
    assert found.share == 0.5
    lost = found.differences[0]
    assert lost.old_distance == pytest.approx(2 - 2 * np.cos(np.radians(10)), abs=1e-5)
    assert lost.new_distance == pytest.approx(2 - 2 * np.cos(np.radians(100)), abs=1e-5)


def test_people_who_come_to_look_alike_and_those_who_come_apart() -> None:
    old, new = at(0, 120, 180, 190), at(0, 10, 120, 240)
    found = agreement(Compared(("a", "b", "c", "d"), old, new), RULE, RULE)
    assert kinds(found) == [
        ("taken", "a", "b"),
        ("taken", "b", "a"),
        ("look_alike", "a", "b"),
        ("look_alike", "b", "a"),
        ("apart", "c", "d"),
        ("apart", "d", "c"),
    ]
    assert found.worse == {"a", "b"}


def test_nobody_and_one_person() -> None:
    nobody = np.zeros((0, 0), np.float32)
    assert agreement(Compared((), nobody, nobody), RULE, RULE).share == 0.0
    one = agreement(Compared(("a",), at(0), at(50)), RULE, RULE)
    assert (one.people, one.old.asked, one.differences) == (1, 0, ())


def test_of_a_large_gallery_faces_are_asked_for_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement_module, "MOST_PROBES", 7)
    vectors = unit(np.random.default_rng(1).normal(size=(100, 8)))
    found = agreement(Compared(tuple(f"p{k // 2:02}" for k in range(100)), vectors, vectors), RULE, RULE)
    assert (found.people, found.faces) == (50, 7)


def plainly(people: list[int], vectors: F32, rule: Rule) -> tuple[set[int], set[int]]:
    """Rows that find their own person, and those that find another, one by one."""
    right: set[int] = set()
    wrong: set[int] = set()
    for row, person in enumerate(people):
        distances = ((vectors - vectors[row]) ** 2).sum(axis=1)
        nearest: dict[int, float] = {}
        for other, distance in zip(people, distances.tolist(), strict=True):
            nearest[other] = min(distance, nearest.get(other, 9.0))
        own = [distances[k] for k, other in enumerate(people) if other == person and k != row]
        nearest.pop(person)
        if own:
            nearest[person] = float(min(own))
        ranked = sorted(nearest.items(), key=lambda item: item[1])
        if not ranked or ranked[0][1] >= rule.max_distance:
            continue
        if len(ranked) > 1 and ranked[1][1] - ranked[0][1] < rule.min_margin:
            continue
        (right if ranked[0][0] == person else wrong).add(row)
    return right, wrong


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=16), st.integers(0, 1000))
def test_what_faces_find_is_what_a_plain_loop_finds(people: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    old, new = (unit(random.normal(size=(len(people), size))) for size in (3, 4))
    found = agreement(Compared(tuple(f"p{one}" for one in people), old, new), RULE, RULE)
    sides = [plainly(people, vectors, RULE) for vectors in (old, new)]
    assert [(one.right, one.wrong) for one in (found.old, found.new)] == [
        (len(right), len(wrong)) for right, wrong in sides
    ]
    lost = {f"p{people[row]}" for row in sides[0][0] - sides[1][0]}
    taken = {f"p{people[row]}" for row in sides[1][1] - sides[0][1]}
    assert {one.person_id for one in found.differences if one.kind is Kind.NOT_FOUND} == lost
    assert {one.person_id for one in found.differences if one.kind is Kind.TAKEN} == taken
