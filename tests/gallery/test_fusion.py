"""A person of several templates is as far away as the nearest of them, or as their mean where that is nearer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.gallery.fusion import Several, fused, mean_distance
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.memory.contents import Contents
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.roster import Ownership, Roster
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.rows import now
from pipeline.gallery.vectors import squared_l2
from pipeline.types import Candidate
from tests.gallery.people import face, unit


def replica_of(owners: list[str], vectors: F32, kind: str = "exact") -> Replica:
    people = tuple(Person(one, one.title(), now()) for one in sorted(set(owners)))
    labels = np.arange(len(owners), dtype=np.int64)
    contents = Contents(1, people, labels, tuple(owners), vectors, 0)
    return Replica.of(contents, choose_index(kind, vectors.shape[1], always_approximate=True))


def test_the_mean_direction_by_hand() -> None:
    across = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert mean_distance(unit(np.array([1.0, 1.0])), across) == pytest.approx(0.0, abs=1e-6)
    assert mean_distance(across[0], across) == pytest.approx(2.0 - np.sqrt(2.0))


def test_templates_that_cancel_out_have_no_direction() -> None:
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    assert mean_distance(np.array([0.0, 1.0], np.float32), opposite) == 4.0


def test_templates_of_those_who_have_several_are_found_by_person() -> None:
    owned = Ownership(np.array([2, 3, 5, 7, 11, 13]), np.array([4, 0, 4, 1, 0, 4]))
    several = Several.of(owned, owned.counts(6))
    assert several.of_person(4).tolist() == [2, 5, 13]
    assert several.of_person(0).tolist() == [3, 11]
    assert (
        several.of_person(1).tolist() == several.of_person(3).tolist() == several.of_person(-1).tolist() == []
    )


@pytest.mark.parametrize("kind", INDEXES)
def test_a_mean_that_is_nearer_than_all_its_templates_counts(kind: str) -> None:
    shots = np.stack([face(1, shot, spread=0.6) for shot in range(1, 7)])
    replica = replica_of(["ann"] * 6 + ["bob"], np.concatenate([shots, face(2)[None]]), kind)
    (answer,) = replica.search(face(1)[None], 2)
    nearest = float(squared_l2(face(1), shots).min())
    assert answer[0].person_id == "ann"
    assert answer[0].distance == mean_distance(face(1), shots) < nearest
    assert answer[0].label == int(squared_l2(face(1), shots).argmin())  # still the template that is nearest


def test_a_template_that_is_nearer_than_the_mean_counts() -> None:
    shots = np.stack([face(1, shot) for shot in range(3)])
    (answer,) = replica_of(["ann"] * 3, shots).search(shots[1][None], 1)
    assert answer[0].distance == 0.0


def test_the_second_person_may_come_first_by_their_mean() -> None:
    shots = np.stack([face(1, shot, spread=0.8) for shot in range(1, 9)])
    probe = face(1)
    nearest = float(squared_l2(probe, shots).min())
    mean = mean_distance(probe, shots)
    between = (nearest + mean) / 2
    aside = unit(face(2) - probe * float(face(2) @ probe))
    bob = unit(probe * (1 - between / 2) + aside * np.sqrt(1 - (1 - between / 2) ** 2))
    replica = replica_of(["ann"] * 8 + ["bob"], np.concatenate([shots, bob[None]]))
    assert [one.person_id for one in replica.search(probe[None], 2)[0]] == ["ann", "bob"]
    assert [one.person_id for one in replica.search(probe[None], 1)[0]] == ["ann"]


@given(st.integers(0, 10_000))
def test_the_first_people_do_not_depend_on_how_many_are_asked_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    owners = [f"p{number}" for number in rng.integers(0, 6, 20)]
    vectors = np.stack([unit(one) for one in rng.normal(size=(20, 8)).astype(np.float32)])
    replica = replica_of(owners, vectors)
    probes = np.stack([unit(one) for one in rng.normal(size=(3, 8)).astype(np.float32)])
    everybody = replica.search(probes, 6)
    for row, answer in enumerate(everybody):
        assert list(answer) == sorted(answer, key=lambda one: (one.distance, one.person_id))
        for count in (1, 2, 3):
            assert replica.search(probes[row : row + 1], count)[0] == answer[:count]


def test_templates_that_left_meanwhile_leave_a_person_where_they_were() -> None:
    roster = Roster()
    roster.add({"ann": "Ann"})
    several = Several(np.array([1, 2]), np.array([0, 0]))
    index = ExactIndex(2)
    index.add(np.array([1]), np.array([[1.0, 0.0]], np.float32))
    candidate = Candidate("ann", "Ann", 0.5, 1)
    assert fused(np.array([0.0, 1.0], np.float32), (candidate,), several, roster, index) == (candidate,)
