"""Sightings in the database: what goes in comes out, and belongs to whom its stranger or person is by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipeline.gallery.past.past_keeping import read_past
from pipeline.gallery.sightings.sighting_records import (
    RunOfCamera,
    Sighting,
    StrangerChange,
    StrangerChangeKind,
    StrangerFilter,
    StrangerState,
)
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import MODEL, template

ADDED, REMOVED = StrangerChangeKind.VECTOR_ADDED, StrangerChangeKind.VECTOR_REMOVED
FILM, YARD = RunOfCamera("door", "film"), RunOfCamera("yard", "film")
A, B, C, D = (f"s_{number:012x}" for number in range(1, 5))


@pytest.fixture
def kept(store: Store) -> Sightings:
    return Sightings(store.database)


@pytest.fixture
def strangers(store: Store) -> Strangers:
    return Strangers(store.database)


def everything(kept: Sightings) -> dict[str, Sighting]:
    """What is kept, without vectors, by sighting_id."""
    return {one.sighting_id: one for one in kept.at(range(1, 200)).values()}


def blind(one: Sighting) -> Sighting:
    return replace(one, vector=None)


def kinds(strangers: Strangers, since: int) -> Sequence[StrangerChangeKind]:
    return [change.kind for change in strangers.changes_since(since)]


def test_what_is_written_comes_back(store: Store, kept: Sightings) -> None:
    ann = store.enroll("Ann", [template(9)]).person
    given = [
        sighting(1),
        sighting(2, person=ann.id, stands=False),
        replace(sighting(3, face_of=3, stands=False), vector=None, frames_fused=0, quality=0.0),
    ]
    kept.write(given)
    assert everything(kept) == {one.sighting_id: blind(one) for one in given}
    (past,) = read_past(store.database, MODEL, 0)
    assert past.vectors.tobytes() == b"".join(one.vector.tobytes() for one in given if one.vector is not None)
    kept.write([])


def test_a_stranger_who_was_seen_is_known(kept: Sightings, strangers: Strangers) -> None:
    one = sighting(1)
    kept.write([one, sighting(2, face_of=2, stands=False)])
    known = strangers.known(MODEL)
    assert known.stranger_ids == (A,)
    assert one.vector is not None
    assert known.vectors.tobytes() == one.vector.tobytes()
    assert known.qualities.tolist() == [np.float32(0.7)]
    assert known.version == strangers.version() == 1
    (label,) = known.labels.tolist()
    assert strangers.changes_since(0) == (StrangerChange(1, ADDED, A, label),)
    assert strangers.known("model-b").vectors.shape == (0, 0)
    assert strangers.known(MODEL, only=[label + 1]).labels.tolist() == []
    assert strangers.known(MODEL, only=[label]).labels.tolist() == [label]


def test_what_stands_no_more_gets_another_label(kept: Sightings, strangers: Strangers) -> None:
    begun = sighting(1, seq=1, over=False)
    kept.write([begun])
    before = strangers.known(MODEL)
    kept.write([replace(begun, seq=2, over=True)])
    assert strangers.known(MODEL).labels.tolist() == before.labels.tolist()
    assert strangers.version() == before.version
    kept.write([replace(begun, seq=2, over=True, stands=False)])
    assert kinds(strangers, before.version) == [REMOVED]
    assert strangers.known(MODEL).labels.tolist() == []


def test_a_replay_writes_anew_and_unchanged_labels_stay(kept: Sightings, strangers: Strangers) -> None:
    kept.replace_run([FILM], [sighting(1, run=FILM), sighting(2, run=FILM, face_of=2)])
    kept.replace_run([YARD], [sighting(1, run=YARD, face_of=3)])
    before = strangers.known(MODEL)
    assert strangers.known(MODEL, without=[FILM]).stranger_ids == (C,)
    assert strangers.known(MODEL, without=[FILM, YARD]).stranger_ids == ()
    kept.replace_run([FILM], [sighting(1, run=FILM), sighting(3, run=FILM, face_of=4)])
    after = strangers.known(MODEL)
    assert after.stranger_ids == (A, C, D)
    assert after.labels.tolist()[:2] == [before.labels[0], before.labels[2]]
    assert sorted(kinds(strangers, before.version)) == [ADDED, REMOVED]
    assert [one.stranger.id for one in strangers.listed()] == [D, A, C]


def test_a_replay_of_the_same_changes_nothing(kept: Sightings, strangers: Strangers) -> None:
    given = [sighting(1, run=FILM), sighting(2, run=FILM, face_of=2)]
    kept.replace_run([FILM], given)
    before = strangers.version(), everything(kept), kept.at([1, 2])
    kept.replace_run([FILM], given)
    assert (strangers.version(), everything(kept), kept.at([1, 2])) == before


def test_a_replay_writes_only_what_is_its_own(kept: Sightings) -> None:
    with pytest.raises(ValueError, match="door:k3f9:1 is of none of the runs"):
        kept.replace_run([FILM], [sighting(1)])


def test_what_an_operator_said_holds_for_the_next_replay(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    played = [sighting(number, run=FILM, face_of=number) for number in (1, 2, 3, 4)]
    kept.replace_run([FILM], played)
    ann = strangers.name(A, "Ann", RULES).person
    strangers.merge(B, C)
    strangers.ignore(D)
    kept.replace_run([FILM], played)
    again = everything(kept)
    whose = {key.rpartition(":")[2]: (one.person_id, one.stranger_id) for key, one in again.items()}
    assert whose == {"1": (ann.id, None), "2": (None, C), "3": (None, C), "4": (None, D)}
    assert [one.sighting.sighting_id for one in kept.due()] == ["door:film:1", "door:film:2"]
    kept.replace_run([FILM], [])
    assert everything(kept) == {}
    left = strangers.listed(StrangerFilter(frozenset(StrangerState)))
    assert {one.stranger.id: one.stranger.state.value for one in left} == {
        A: "named",
        B: "merged",
        C: "open",
        D: "ignored",
    }


def test_somebody_forgotten_meanwhile_leaves_nothing(store: Store, kept: Sightings) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    kept.write([sighting(1, person=ann.id), sighting(2, person="p_gone")])
    assert [one.person_id for one in everything(kept).values()] == [ann.id]


def test_somebody_merged_meanwhile_is_the_other(store: Store, kept: Sightings) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    twin = store.enroll("Anna", [template(1, 1)]).person
    store.merge(twin.id, ann.id)
    kept.write([sighting(1, person=twin.id, seq=2)])
    (due,) = kept.due()
    assert (due.sighting.person_id, due.told_seq, due.sighting.seq) == (ann.id, 2, 3)
    assert due.person is not None
    assert due.person.name == "Ann"


def test_merges_are_followed_to_the_end_and_to_nobody_who_is_gone(store: Store, kept: Sightings) -> None:
    first, second, last = (store.enroll(name, [template(n)]).person for n, name in enumerate(("A", "B", "C")))
    store.merge(first.id, second.id)
    store.merge(second.id, last.id)
    kept.write([sighting(1, person=first.id)])
    assert [one.person_id for one in everything(kept).values()] == [last.id]
    store.forget(last.id)
    kept.write([sighting(2, person=first.id), sighting(3)])
    assert [one.stranger_id for one in everything(kept).values()] == [A]


def test_what_comes_late_opens_nothing_again(kept: Sightings) -> None:
    kept.write([sighting(1)])
    kept.write([sighting(1, over=False)])
    kept.replace_run([FILM], [sighting(1, run=FILM, over=False)])
    assert [one.over for one in everything(kept).values()] == [True, True]


def test_a_sighting_that_ends_after_its_stranger_was_named_is_the_persons(
    kept: Sightings, strangers: Strangers
) -> None:
    """Its run has numbered its own events on; the correction comes behind all of them."""
    kept.write([sighting(1), sighting(2, seq=1, over=False)])
    strangers.name(A, "Ann", RULES)
    assert [due.sighting.sighting_id for due in kept.due()] == ["door:k3f9:1"]
    for seq, over in ((2, False), (3, True)):
        kept.write([sighting(2, seq=seq, over=over)])
    first, second = kept.due()
    assert first.sighting.sighting_id == "door:k3f9:1"
    assert (second.told_seq, second.sighting.seq) == (3, 4)
    assert second.sighting.person_id is not None
    assert second.sighting.distance == pytest.approx(0.0, abs=1e-5)


def test_a_sighting_recognised_by_its_run_after_the_naming_owes_no_correction(
    kept: Sightings, strangers: Strangers
) -> None:
    kept.write([sighting(1, seq=1, over=False)])
    ann = strangers.name(A, "Ann", RULES).person
    kept.write([sighting(1, person=ann.id, seq=3)])
    assert kept.due() == ()
    assert everything(kept)["door:k3f9:1"].seq == 3


def test_writing_an_end_again_undoes_no_correction(kept: Sightings, strangers: Strangers) -> None:
    ended = sighting(1, seq=2)
    kept.write([ended])
    ann = strangers.name(A, "Ann", RULES).person
    for late in (ended, replace(ended, seq=1, over=False)):
        kept.write([late])
        (one,) = everything(kept).values()
        assert (one.person_id, one.seq) == (ann.id, 3)
    kept.told(kept.due())
    kept.write([ended])
    (one,) = everything(kept).values()
    assert (one.person_id, one.seq) == (ann.id, 3)


def test_of_two_of_one_sighting_the_later_is_kept(kept: Sightings) -> None:
    kept.write([sighting(1, seq=2), sighting(1, seq=1, over=False)])
    (one,) = everything(kept).values()
    assert (one.seq, one.over) == (2, True)


def test_nobodys_sighting_is_a_mistake_and_nothing_is_kept(kept: Sightings) -> None:
    with pytest.raises(ValueError, match="neither a person's nor a stranger's"):
        kept.write([sighting(1), replace(sighting(2), stranger_id=None)])
    assert everything(kept) == {}
    with pytest.raises(ValueError, match="length 1"):
        replace(sighting(1), vector=np.ones(4, np.float32))


def test_the_past_is_read_in_pieces(store: Store, kept: Sightings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.gallery.past.past_keeping.READ_AT_ONCE", 3)
    kept.write(
        [sighting(number, face_of=number, run=YARD if number % 3 == 0 else FILM) for number in range(1, 8)]
    )
    pieces = list(read_past(store.database, MODEL, 0))
    assert [len(piece.labels) for piece in pieces] == [3, 3, 1]
    labels = [label for piece in pieces for label in piece.labels.tolist()]
    cameras = [piece.cameras[place] for piece in pieces for place in piece.camera_of.tolist()]
    seen_ms = [moment for piece in pieces for moment in piece.seen_ms.tolist()]
    there = kept.at(labels)
    assert cameras == [there[label].camera for label in labels]
    assert seen_ms == [round(1000 * there[label].seen_at.timestamp()) for label in labels]
    assert [len(piece.labels) for piece in read_past(store.database, MODEL, labels[4])] == [2]
    assert list(read_past(store.database, "model-b", 0)) == []


def test_what_is_old_goes_and_strangers_with_nothing_left(
    store: Store, kept: Sightings, strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.sightings.sightings.AT_ONCE", 2)
    kept.write([sighting(number, face_of=number) for number in range(1, 6)])
    strangers.ignore(A)
    limit = rows.now() + timedelta(seconds=1)
    assert kept.expire(limit - timedelta(days=1)) == 0
    version = strangers.version()
    assert kept.expire(limit) == 5
    assert everything(kept) == {}
    assert [(one.stranger.id, one.sightings) for one in strangers.listed()] == [(A, 0)]
    assert kinds(strangers, version) == [REMOVED] * 5
