"""Among whom a search of watchlists looks: what there is on several, and what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.memory.answer import EVERYBODY
from pipeline.gallery.memory.contents import Contents
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.roster import Roster
from pipeline.gallery.memory.view import KEPT, Narrowing
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.rows import now
from pipeline.types import GalleryState, Watchlist
from tests.gallery.people import DIMENSION, face

NAMES = ("guests", "staff", "vip")
LISTS = {name: Watchlist(name, "is met") for name in NAMES}


def gallery_of(on: list[frozenset[str]], kind: str = "exact", without_template: int = 0) -> Replica:
    """Person k has templates k and k + 100, and is on the lists on[k]; the last few have none."""
    ids = [f"p_{k}" for k in range(len(on))]
    shown = len(on) - without_template
    owners = tuple(ids[:shown] * 2)
    vectors = np.stack([face(k % shown, k // shown) for k in range(len(owners))])
    people = tuple(Person(one, one.title(), now()) for one in ids)
    labels = np.arange(len(owners), dtype=np.int64)
    replica = Replica.of(Contents(3, people, labels, owners, vectors, 0), choose_index(kind, DIMENSION))
    replica.list_everybody(
        tuple(LISTS.values()),
        {one: tuple(LISTS[name] for name in sorted(lists)) for one, lists in zip(ids, on, strict=True)},
    )
    replica.name_below(0.9)
    return replica


def found(replica: Replica, lists: frozenset[str], within: str | None = None) -> set[str]:
    (people,) = replica.answer(face(0)[None], 50, watchlists=lists, within=within).people
    return {one.person_id for one in people}


@settings(max_examples=40, deadline=None)
@given(
    on=st.lists(st.frozensets(st.sampled_from(NAMES)), min_size=1, max_size=12),
    asked=st.frozensets(st.sampled_from((*NAMES, "no list"))),
    within=st.sampled_from((None, *NAMES, "no list")),
    kind=st.sampled_from(INDEXES),
)
def test_whoever_is_on_one_of_the_lists_and_on_the_one_within(
    on: list[frozenset[str]], asked: frozenset[str], within: str | None, kind: str
) -> None:
    replica = gallery_of(on, kind)
    expected = {
        f"p_{k}"
        for k, lists in enumerate(on)
        if (not asked or asked & lists) and (within is None or within in lists)
    }
    assert found(replica, asked, within) == expected
    probes = np.stack([face(k, 7) for k in range(len(on))])
    answer = replica.answer(probes, 3, watchlists=asked, within=within)
    hints = np.arange(len(on), dtype=np.int64)
    assert replica.answer(probes, 3, near=hints, watchlists=asked, within=within) == answer
    assert answer.state == GalleryState(3, 0.9)
    named = asked | {within or "no list"}
    assert answer.unknown == (("no list",) if "no list" in asked or within == "no list" else ())
    assert answer.empty == tuple(
        one for one in NAMES if one in named and not any(one in lists for lists in on)
    )


def test_a_list_of_people_without_a_template_is_empty() -> None:
    replica = gallery_of(
        [frozenset({"staff"}), frozenset({"staff", "vip"}), frozenset({"vip"})], without_template=1
    )
    staff, vip = frozenset({"staff"}), frozenset({"vip"})
    assert replica.answer(face(0)[None], 5, watchlists=vip).empty == ()
    assert found(replica, vip) == {"p_1"}
    replica = gallery_of([frozenset({"staff"}), frozenset({"vip"})], without_template=1)
    answer = replica.answer(face(0)[None], 5, watchlists=vip)
    assert (answer.people, answer.empty) == (((),), ("vip",))
    assert (answer.state.people, answer.state.comparable) == (1, 0)
    answer = replica.answer(face(0)[None], 5, watchlists=staff | vip)
    assert (answer.empty, answer.state.people, answer.state.comparable) == (("vip",), 2, 1)
    answer = replica.answer(face(0)[None], 5)
    assert (answer.empty, answer.state.people, answer.state.comparable) == ((), 2, 1)


def test_it_is_worked_out_once_for_a_view_and_forgets_what_is_too_much() -> None:
    replica = gallery_of([frozenset({"staff"})] * 3)
    roster = Roster()
    roster.add({"p_0": "Ann"})
    narrowing, view = Narrowing(roster), replica.view
    staff = frozenset({"staff"})
    first = narrowing.sought(view, staff, None)
    assert narrowing.sought(view, frozenset({"staff"}), None) is first
    assert narrowing.sought(view, EVERYBODY, None).labels is None
    for number in range(KEPT):
        narrowing.sought(view, frozenset({f"list {number}"}), None)
    assert narrowing.sought(view, staff, None) is not first
    again = narrowing.sought(view, staff, None)
    assert narrowing.sought(replica.name_below(0.8), staff, None) is not again


@pytest.mark.parametrize("kind", INDEXES)
def test_lists_that_take_turns_keep_their_people_apart(kind: str) -> None:
    on = [frozenset({NAMES[k % 3]}) for k in range(9)]
    replica = gallery_of(on, kind)
    for _ in range(2):
        for number, name in enumerate(NAMES):
            assert found(replica, frozenset({name})) == {f"p_{k}" for k in range(9) if k % 3 == number}
