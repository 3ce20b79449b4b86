"""Watchlists: made, filled, emptied, taken away; each step one transaction that whoever is running sees."""

from __future__ import annotations

import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.storage.records import ChangeKind, NewPerson
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import MAX_PURPOSE, Watchlists, clean_purpose
from pipeline.types import Watchlist
from tests.gallery.people import template

VIP = Watchlist("vip", "greet at the door")


def enroll(store: Store, *names: str) -> list[str]:
    new = [NewPerson(name, (template(number),)) for number, name in enumerate(names, 1)]
    return [enrolled.person.id for enrolled in store.enroll_many(new)]


def test_people_join_and_leave_and_stay_in_the_gallery(store: Store) -> None:
    ann, bob, eve = enroll(store, "Ann", "bob", "Eve")
    lists = Watchlists(store.database)
    assert lists.create(" vip ", "greet  at\nthe door") == VIP
    assert lists.add("vip", [bob, ann, bob]) == 2
    assert lists.add("vip", [ann, eve]) == 1
    assert [person.name for person in lists.members("vip")] == ["Ann", "bob", "Eve"]
    assert lists.remove("vip", [eve, "p_0123456789ab"]) == 1
    assert lists.remove("vip", [eve]) == 0
    assert lists.find("vip").people == 2
    assert lists.of(ann) == (VIP,)
    assert lists.of(eve) == ()
    gone = lists.delete("vip")
    assert (gone.watchlist, gone.people) == (VIP, 2)
    assert lists.all() == ()
    assert lists.of(ann) == ()
    assert len(store.people()) == 3


def test_each_write_is_noted_once_and_one_that_changes_nothing_not_at_all(store: Store) -> None:
    ann, bob = enroll(store, "Ann", "Bob")
    lists = Watchlists(store.database)
    before = store.version()
    lists.create("vip", "greet")
    lists.add("vip", [ann, bob])
    lists.add("vip", [ann])
    lists.remove("vip", [bob])
    lists.remove("vip", [bob])
    lists.set_purpose("vip", "greet")
    lists.set_purpose("vip", "stop")
    lists.delete("vip")
    changed = store.changes_since(before)
    assert {change.kind for change in changed} == {ChangeKind.WATCHLISTS_CHANGED}
    assert [change.person_id for change in changed] == ["", *sorted([ann, bob]), bob, "", ""]
    assert store.version() == changed[-1].seq


def test_lists_are_in_order_of_name_with_counts_also_of_empty_ones(store: Store) -> None:
    (ann,) = enroll(store, "Ann")
    lists = Watchlists(store.database)
    for name in ("vip", "Banned", "zoo"):
        lists.create(name, f"for {name}")
    lists.add("vip", [ann])
    lists.add("Banned", [ann])
    assert [(one.watchlist.name, one.people) for one in lists.all()] == [
        ("Banned", 1),
        ("vip", 1),
        ("zoo", 0),
    ]
    assert [one.name for one in lists.of(ann)] == ["Banned", "vip"]


def test_a_list_that_is_not_there_is_told_with_what_may_be_meant(store: Store) -> None:
    lists = Watchlists(store.database)
    lists.create("Banned", "stop")
    for act in (
        lambda: lists.members("baned"),
        lambda: lists.add("baned", []),
        lambda: lists.remove("baned", []),
        lambda: lists.delete("baned"),
        lambda: lists.set_purpose("baned", "x"),
    ):
        with pytest.raises(GalleryError, match="no watchlist 'baned'; did you mean Banned"):
            act()
    with pytest.raises(GalleryError, match="'watchlists list' shows them"):
        lists.find("\udcff")


def test_an_unknown_person_keeps_everybody_off(store: Store) -> None:
    (ann,) = enroll(store, "Ann")
    lists = Watchlists(store.database)
    lists.create("vip", "greet")
    with pytest.raises(GalleryError, match="nobody has the id p_0123456789ab"):
        lists.add("vip", [ann, "p_0123456789ab"])
    assert lists.members("vip") == ()


@pytest.mark.parametrize(
    ("name", "purpose", "says"),
    [
        ("", "x", "watchlist: a name must have at least one visible"),
        ("a\x1bb", "x", r"must not have the character U\+001B"),
        ("vip", " \n", "needs a purpose"),
        ("vip", "a\x1bb", r"purpose must not have the character U\+001B"),
        ("vip", "a\udcffb", r"purpose must not have the character U\+DCFF"),
        ("vip", "x" * (MAX_PURPOSE + 1), "at most 500 characters"),
        ("taken", "x", "there is a watchlist taken already"),
    ],
)
def test_what_cannot_be_a_list(store: Store, name: str, purpose: str, says: str) -> None:
    lists = Watchlists(store.database)
    lists.create("taken", "first")
    with pytest.raises(GalleryError, match=says):
        lists.create(name, purpose)
    assert [one.watchlist.name for one in lists.all()] == ["taken"]


def test_a_purpose_is_one_line() -> None:
    assert clean_purpose("  greet\n\tat the  door ") == "greet at the door"


def test_thousands_join_at_once(store: Store) -> None:
    ids = enroll(store, *(f"P{number}" for number in range(1200)))
    lists = Watchlists(store.database)
    lists.create("all", "everybody")
    assert lists.add("all", ids) == 1200
    assert lists.remove("all", ids[:700]) == 700
    assert lists.find("all").people == 500
