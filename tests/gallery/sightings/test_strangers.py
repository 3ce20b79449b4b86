"""Strangers: found, listed, merged, ignored and named; replicas of them hear of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.past.past_keeping import read_past
from pipeline.gallery.sightings.sighting_records import (
    RunOfCamera,
    StrangerChangeKind,
    StrangerFilter,
    StrangerState,
)
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import BEGUN, RULES, sighting
from tests.gallery.people import MODEL, face

YARD = RunOfCamera("yard", "77")
A, B, C = (f"s_{number:012x}" for number in (0x1A, 0x1B, 0x2C))
ALL = frozenset(StrangerState)


@pytest.fixture
def kept(store: Store) -> Sightings:
    """A is seen twice at the door and once in the yard, B and C once each, C alone in the yard."""
    found = Sightings(store.database)
    found.write(
        [
            sighting(1, A),
            sighting(2, A, quality=0.9),
            sighting(3, A, run=YARD),
            sighting(4, B, face_of=2),
            sighting(5, C, face_of=3, run=YARD),
        ]
    )
    return found


@pytest.fixture
def strangers(store: Store, kept: Sightings) -> Strangers:
    return Strangers(store.database)


def ids(strangers: Strangers, wanted: StrangerFilter | None = None) -> list[str]:
    return [one.stranger.id for one in strangers.listed(wanted)]


def news(strangers: Strangers, act: Callable[[], object]) -> list[tuple[str, str]]:
    """What replicas hear of an act."""
    before = strangers.version()
    act()
    return [(change.kind.value, change.stranger_id) for change in strangers.changes_since(before)]


def test_everybody_is_listed_the_last_seen_first_also_those_seen_once(strangers: Strangers) -> None:
    first, second, third = strangers.listed()
    assert [one.stranger.id for one in (first, second, third)] == [C, B, A]
    assert (third.sightings, third.cameras, third.quality) == (3, ("door", "yard"), 0.9)
    assert third.first_seen_at == BEGUN + timedelta(seconds=1)
    assert third.last_seen_at == BEGUN + timedelta(seconds=3, milliseconds=500)
    assert third.stranger.state is StrangerState.OPEN
    assert strangers.summary(A) == third


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (StrangerFilter(camera="yard"), [C, A]),
        (StrangerFilter(camera="nowhere"), []),
        (StrangerFilter(min_sightings=2), [A]),
        (StrangerFilter(since=BEGUN + timedelta(seconds=4)), [C, B]),
        (StrangerFilter(since=BEGUN + timedelta(seconds=3), camera="door"), [B]),
        (StrangerFilter(states=frozenset({StrangerState.IGNORED})), []),
    ],
)
def test_some_are_asked_for(strangers: Strangers, wanted: StrangerFilter, found: list[str]) -> None:
    assert ids(strangers, wanted) == found


def test_one_is_found_by_the_beginning_of_the_id(strangers: Strangers) -> None:
    assert strangers.find(A).id == strangers.find(f" {A.upper()} ").id == A
    assert strangers.find("s_00000000002").id == C
    with pytest.raises(GalleryError, match=f"s_0000 is the beginning of {A}, {B}, {C}; write more"):
        strangers.find("s_0000")
    with pytest.raises(GalleryError, match="no stranger has the id 's_00000000001c'; did you mean s_"):
        strangers.find("s_00000000001c")


@pytest.mark.parametrize(
    "asked", ["", "s_", "s_%", "s__________", "s_\udcff", "p_0123456789ab", "x" * 10_000, "\0"]
)
def test_what_is_no_id_finds_nobody(strangers: Strangers, asked: str) -> None:
    with pytest.raises(GalleryError, match="no stranger has the id"):
        strangers.find(asked)


def test_merged_strangers_are_one(kept: Sightings, strangers: Strangers) -> None:
    before = strangers.known(MODEL)
    assert news(strangers, lambda: strangers.merge(B, A)) == [("stranger_merged", B)]
    known = strangers.known(MODEL)
    assert known.labels.tolist() == before.labels.tolist()
    assert known.stranger_ids == (A, A, A, A, C)
    assert known.merged == {B: A}
    assert strangers.find(B).id == A
    assert strangers.summary(A).sightings == 4
    (due,) = kept.due()
    assert (due.sighting.stranger_id, due.told_seq, due.sighting.seq) == (A, 2, 3)
    kept.write([sighting(6, B, face_of=2)])
    assert strangers.summary(A).sightings == 5
    assert ids(strangers, StrangerFilter(states=ALL)) == [A, C, B]


def test_chains_of_merges_are_one_step_long(strangers: Strangers) -> None:
    strangers.merge(A, B)
    strangers.merge(B, C)
    assert strangers.known(MODEL).merged == {A: C, B: C}
    for gone, into in ((A, B), (C, A), (C, C)):
        with pytest.raises(GalleryError, match="are one already"):
            strangers.merge(gone, into)
    with pytest.raises(GalleryError, match="no stranger has the id s_ffffffffffff"):
        strangers.merge("s_ffffffffffff", A)


def test_an_ignored_stranger_is_known_but_not_told_of(kept: Sightings, strangers: Strangers) -> None:
    assert news(strangers, lambda: strangers.ignore(A)) == [("stranger_ignored", A)]
    assert news(strangers, lambda: strangers.ignore(A)) == []
    known = strangers.known(MODEL)
    assert known.ignored == {A}
    assert known.stranger_ids == (A, A, A, B, C)
    strangers.merge(B, A)
    assert kept.due() == ()
    assert news(strangers, lambda: strangers.unignore(A)) == [("stranger_reopened", A)]
    assert strangers.known(MODEL).ignored == frozenset()
    assert len(kept.due()) == 1


def test_of_what_nobody_was_told_no_correction_tells(kept: Sightings, strangers: Strangers) -> None:
    strangers.ignore(A)
    kept.write([sighting(7, A, seq=0)])
    strangers.name(A, "Ann", RULES)
    assert "door:k3f9:7" not in {due.sighting.sighting_id for due in kept.due()}
    assert len(kept.due()) == 3


def test_a_named_stranger_is_a_stranger_no_more(strangers: Strangers) -> None:
    named = strangers.name(A, "Ann", RULES)
    assert ids(strangers) == [C, B]
    assert strangers.find(A).person_id == named.person.id
    for act in (
        lambda: strangers.name(A, "Bob", RULES),
        lambda: strangers.merge(A, B),
        lambda: strangers.merge(B, A),
        lambda: strangers.ignore(A),
    ):
        with pytest.raises(GalleryError, match=f"{A} has a name by now; see people show {named.person.id}"):
            act()


def test_old_vectors_go_and_sightings_stay(
    store: Store, kept: Sightings, strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.sightings.strangers.AT_ONCE", 2)
    strangers.name(C, "Cy", RULES)
    limit = rows.now() + timedelta(seconds=1)
    assert strangers.expire_vectors(limit - timedelta(days=1)) == 0
    removed = news(strangers, lambda: strangers.expire_vectors(limit))
    assert removed == [("vector_removed", A)] * 3 + [("vector_removed", B)]
    assert strangers.known(MODEL).labels.tolist() == []
    assert [one.sightings for one in strangers.listed()] == [1, 3]
    assert [len(piece.labels) for piece in read_past(store.database, MODEL, 0)] == [1]
    assert strangers.expire_vectors(limit) == 0


def test_replicas_that_follow_the_changes_know_what_the_database_knows(
    kept: Sightings, strangers: Strangers
) -> None:
    """A replica as the history asks for: drop what was removed, take in what was added, follow merges."""
    known = strangers.known(MODEL)
    replica = dict(zip(known.labels.tolist(), known.stranger_ids, strict=True))
    for act in (
        lambda: kept.write([sighting(8, B, face_of=2), replace(sighting(4, B, face_of=2), stands=False)]),
        lambda: strangers.merge(A, B),
        lambda: strangers.ignore(C),
        lambda: kept.replace_run([YARD], [replace(sighting(3, A, run=YARD), vector=face(1, 99))]),
        lambda: strangers.name(B, "Bea", RULES),
    ):
        act()
        changes = strangers.changes_since(known.version)
        added = [
            c.label for c in changes if c.kind is StrangerChangeKind.VECTOR_ADDED and c.label is not None
        ]
        for change in changes:
            if change.kind is StrangerChangeKind.VECTOR_REMOVED and change.label is not None:
                replica.pop(change.label, None)
        known = strangers.known(MODEL, only=added)
        replica |= dict(zip(known.labels.tolist(), known.stranger_ids, strict=True))
        replica = {label: known.merged.get(who, who) for label, who in replica.items()}
        full = strangers.known(MODEL)
        assert replica == dict(zip(full.labels.tolist(), full.stranger_ids, strict=True))
