"""Names and watchlists of many people at a time, whatever a statement takes."""

from __future__ import annotations

from pipeline.gallery.sightings import sighting_rows
from pipeline.gallery.storage.lookups import lists_of, names_of
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from pipeline.types import Watchlist
from tests.gallery.people import template


def test_whoever_is_there_is_found_with_their_lists_in_order(store: Store) -> None:
    ids = [store.enroll(f"Person {k}", [template(k)]).person.id for k in range(3)]
    lists = Watchlists(store.database)
    for name in ("vip", "Staff"):
        lists.create(name, f"for {name}")
    lists.add("vip", ids[:2])
    lists.add("Staff", ids[1:2])
    vip, staff = Watchlist("vip", "for vip"), Watchlist("Staff", "for Staff")
    asked = [ids[1], "p_000000000000", ids[2], ids[1]]
    with store.database.reading() as connection:
        assert names_of(connection, asked) == {ids[1]: "Person 1", ids[2]: "Person 2"}
        assert lists_of(connection, asked) == {ids[1]: (staff, vip)}
        assert lists_of(connection, None) == {ids[0]: (vip,), ids[1]: (staff, vip)}
        assert (names_of(connection, []), lists_of(connection, [])) == ({}, {})


def test_more_people_than_a_statement_takes(store: Store) -> None:
    ids = [store.enroll("Ann", [template(1)]).person.id]
    many = [f"p_{k:012x}" for k in range(2 * sighting_rows.IN_ONE_STATEMENT)] + ids
    with store.database.reading() as connection:
        assert names_of(connection, many) == {ids[0]: "Ann"}
