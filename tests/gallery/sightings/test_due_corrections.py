"""Corrections that wait: what they say, and that none is lost or told under two meanings."""

from __future__ import annotations

from datetime import timedelta

import pytest

import pipeline.gallery.sightings.due_corrections as due_corrections
from pipeline.gallery.sightings.sighting_records import Called, RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from pipeline.types import Watchlist
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import template

A, B = "s_000000000001", "s_000000000002"


@pytest.fixture
def kept(store: Store) -> Sightings:
    found = Sightings(store.database)
    found.write([sighting(1), sighting(2), sighting(3, face_of=2)])
    return found


@pytest.fixture
def strangers(store: Store, kept: Sightings) -> Strangers:
    return Strangers(store.database)


def test_nothing_waits_where_nothing_was_corrected(kept: Sightings) -> None:
    assert kept.due() == ()
    kept.told(())


def test_what_waits_says_whom_it_shows_now(store: Store, kept: Sightings, strangers: Strangers) -> None:
    ann = strangers.name(A, "Ann", RULES).person
    lists = Watchlists(store.database)
    lists.create("vip", "greet")
    lists.add("vip", [ann.id])
    first, second = kept.due()
    assert first.person == second.person == Called(ann.id, "Ann")
    assert (first.previous, first.told_seq, first.sighting.seq) == (None, 2, 3)
    assert first.watchlists == (Watchlist("vip", "greet"),)
    assert kept.due(count=1) == (first,)
    assert kept.due(after=first.label) == (second,)
    kept.told([first])
    assert kept.due() == (second,)


def test_merged_people_are_told_of_with_the_one_who_is_gone(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    anna = strangers.name(A, "Anna", RULES).person
    kept.told(kept.due())
    ann = store.enroll("Ann", [template(1)]).person
    store.merge(anna.id, ann.id)
    first, second = kept.due()
    assert first.person == second.person == Called(ann.id, "Ann")
    assert first.previous == second.previous == Called(anna.id, "Anna")
    assert (first.told_seq, first.sighting.seq) == (3, 4)


def test_what_is_corrected_while_it_is_published_stays_due(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    """Published as Anna's, and merged into Ann before that could be noted: Ann's under the next seq."""
    anna = strangers.name(B, "Anna", RULES).person
    published = kept.due()
    ann = store.enroll("Ann", [template(2)]).person
    store.merge(anna.id, ann.id)
    kept.told(published)
    (due,) = kept.due()
    assert (due.told_seq, due.sighting.seq) == (3, 4)
    assert (due.person, due.previous) == (Called(ann.id, "Ann"), Called(anna.id, "Anna"))
    kept.told([due])
    assert kept.due() == ()


def test_what_was_told_late_is_not_told_again(kept: Sightings, strangers: Strangers) -> None:
    strangers.merge(A, B)
    published = kept.due()
    kept.told(published)
    kept.told(published)
    assert kept.due() == ()


def test_what_two_tell_of_is_told_as_far_as_either_came(kept: Sightings, strangers: Strangers) -> None:
    strangers.merge(B, A)
    first = kept.due()
    strangers.name(A, "Ann", RULES)
    kept.told(kept.due())
    kept.told(first)
    assert kept.due() == ()


def test_what_a_replay_writes_anew_while_it_is_told_of_stays_due(
    kept: Sightings, strangers: Strangers
) -> None:
    film = RunOfCamera("door", "film")
    kept.replace_run([film], [sighting(1, run=film, face_of=3)])
    strangers.merge("s_000000000003", B)
    strangers.merge(B, A)
    published = [one for one in kept.due() if one.sighting.run == film.run]
    kept.replace_run([film], [sighting(1, run=film, face_of=3)])
    kept.told(published)
    (due,) = (one for one in kept.due() if one.sighting.run == film.run)
    assert (due.told_seq, due.sighting.seq) == (2, 3)


def test_a_sighting_that_is_open_is_told_of_by_its_run_alone(
    kept: Sightings, strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write([sighting(4, face_of=4, seq=1, over=False)])
    strangers.name("s_000000000004", "Dee", RULES)
    assert kept.due() == ()
    # A run that was killed never closes it.
    monkeypatch.setattr(due_corrections, "OPEN_AT_MOST", timedelta(seconds=-5))
    assert len(kept.due()) == 1
