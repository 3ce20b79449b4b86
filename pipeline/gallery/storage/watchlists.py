"""Named lists of people, each for a purpose: to search among some only, and to tell subscribers who was seen."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from pipeline.errors import GalleryError
from pipeline.gallery.names import clean_name, is_text
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.lookups import lists_of
from pipeline.gallery.storage.records import ChangeKind, Person
from pipeline.gallery.storage.tables import memberships, people, watchlists
from pipeline.types import Watchlist

MAX_PURPOSE = 500
"""code points; a sentence or two, which travel with every event of who is on the list"""

NOBODY = ""
"""whom a change of a list itself is noted for"""


@dataclass(frozen=True, slots=True)
class WatchlistCount:
    """A list and how many are on it."""

    watchlist: Watchlist
    created_at: datetime
    """UTC"""
    people: int


class Watchlists:
    """The lists of a gallery, in its database.

    Every write is one transaction, numbered in the gallery's history so that whoever is running follows; one that
    changes nothing is not. All methods raise StoreError where the database fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, purpose: str) -> Watchlist:
        """Begin an empty list. Raises GalleryError for a name that is taken or cannot be used."""
        made = Watchlist(clean_list_name(name), clean_purpose(purpose))
        with self._database.writing() as connection:
            if _find(connection, made.name) is not None:
                raise GalleryError(f"there is a watchlist {made.name} already; choose another name")
            add_watchlist(connection, made, rows.now())
            history.note(connection, [Happened(ChangeKind.WATCHLISTS_CHANGED, NOBODY)])
        return made

    def delete(self, name: str) -> WatchlistCount:
        """Take a list away; its people stay in the gallery. Says what it was. Raises GalleryError."""
        with self._database.writing() as connection:
            gone = _require(connection, name)
            on_it = memberships.c.watchlist == gone.watchlist.name
            connection.execute(delete(memberships).where(on_it))
            connection.execute(delete(watchlists).where(watchlists.c.name == gone.watchlist.name))
            history.note(connection, [Happened(ChangeKind.WATCHLISTS_CHANGED, NOBODY)])
        return gone

    def set_purpose(self, name: str, purpose: str) -> Watchlist:
        """Say anew what a list is for. Raises GalleryError."""
        purpose = clean_purpose(purpose)
        with self._database.writing() as connection:
            before = _require(connection, name).watchlist
            if purpose != before.purpose:
                told = update(watchlists).where(watchlists.c.name == before.name)
                connection.execute(told.values(purpose=purpose))
                history.note(connection, [Happened(ChangeKind.WATCHLISTS_CHANGED, NOBODY)])
        return Watchlist(before.name, purpose)

    def add(self, name: str, person_ids: Sequence[str]) -> int:
        """Put people on a list; how many were not on it before. Raises GalleryError for an unknown list or id."""
        with self._database.writing() as connection:
            watchlist = _require(connection, name).watchlist
            _require_people(connection, person_ids)
            return join(connection, watchlist.name, person_ids)

    def remove(self, name: str, person_ids: Sequence[str]) -> int:
        """Take people off a list; how many were on it. Raises GalleryError for an unknown list."""
        with self._database.writing() as connection:
            watchlist = _require(connection, name).watchlist
            leaving = sorted(_on(connection, watchlist.name, person_ids))
            for some in pieces(leaving):
                connection.execute(delete(memberships).where(_those(watchlist.name, some)))
            _note(connection, leaving)
        return len(leaving)

    def all(self) -> tuple[WatchlistCount, ...]:
        """Every list, in order of name."""
        with self._database.reading() as connection:
            found = _counts(connection, None)
        return tuple(sorted(found, key=lambda one: (one.watchlist.name.casefold(), one.watchlist.name)))

    def find(self, name: str) -> WatchlistCount:
        """The list of exactly this name. Raises GalleryError that says which may have been meant."""
        with self._database.reading() as connection:
            return _require(connection, name)

    def members(self, name: str) -> tuple[Person, ...]:
        """Who is on a list, in order of name. Raises GalleryError."""
        with self._database.reading() as connection:
            watchlist = _require(connection, name).watchlist
            on_it = (
                select(people).join_from(people, memberships).where(memberships.c.watchlist == watchlist.name)
            )
            found = [rows.person(row) for row in connection.execute(on_it)]
        return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.id)))

    def of(self, person_id: str) -> tuple[Watchlist, ...]:
        """The lists that a person is on, in order of name."""
        with self._database.reading() as connection:
            return lists_of(connection, [person_id]).get(person_id, ())


def add_watchlist(connection: Connection, new: Watchlist, created_at: datetime) -> None:
    """Insert a list that is not there yet."""
    connection.execute(insert(watchlists).values(name=new.name, purpose=new.purpose, created_at=created_at))


def join(connection: Connection, name: str, person_ids: Sequence[str]) -> int:
    """Put people who exist on a list that exists, in a writing transaction; how many were not on it before."""
    joining = sorted(set(person_ids) - _on(connection, name, person_ids))
    if joining:
        values = [{"watchlist": name, "person_id": person_id} for person_id in joining]
        connection.execute(insert(memberships), values)
    _note(connection, joining)
    return len(joining)


def clean_list_name(name: str) -> str:
    """The name as it is kept, after the rules for people's names. Raises GalleryError."""
    try:
        return clean_name(name)
    except GalleryError as error:
        raise GalleryError(f"watchlist: {error}") from None


def clean_purpose(purpose: str) -> str:
    """The purpose as it is kept: one line. Raises GalleryError for one that is empty, too long or no text."""
    kept = " ".join(unicodedata.normalize("NFC", purpose).split())
    if not kept:
        raise GalleryError("a watchlist needs a purpose: say in a few words what it is for")
    if len(kept) > MAX_PURPOSE:
        raise GalleryError(f"a purpose must have at most {MAX_PURPOSE} characters, got {len(kept)}")
    for character in kept:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise GalleryError(f"a purpose must not have the character U+{ord(character):04X} in it")
    return kept


def _require(connection: Connection, name: str) -> WatchlistCount:
    """The list of this name. Raises GalleryError."""
    found = _find(connection, name)
    if found is None:
        names = connection.execute(select(watchlists.c.name).order_by(watchlists.c.name)).scalars().all()
        near = get_close_matches(name.casefold(), [one.casefold() for one in names], n=1, cutoff=0.75)
        meant = [one for one in names if one.casefold() in near]
        hint = f"did you mean {meant[0]}?" if meant else "'watchlists list' shows them, 'create' begins one"
        raise GalleryError(f"there is no watchlist {name!r}; {hint}")
    return found


def _find(connection: Connection, name: str) -> WatchlistCount | None:
    kept = unicodedata.normalize("NFC", name).strip()
    found = _counts(connection, kept) if is_text(kept) else []
    return found[0] if found else None


def _counts(connection: Connection, name: str | None) -> list[WatchlistCount]:
    """The list of this name, or all of them, with how many are on it."""
    counted = (
        select(watchlists, func.count(memberships.c.person_id).label("people"))
        .join_from(watchlists, memberships, isouter=True)
        .group_by(watchlists.c.name)
    )
    if name is not None:
        counted = counted.where(watchlists.c.name == name)
    return [
        WatchlistCount(Watchlist(row.name, row.purpose), row.created_at, row.people)
        for row in connection.execute(counted)
    ]


def _on(connection: Connection, name: str, person_ids: Sequence[str]) -> set[str]:
    """Those of these people who are on the list."""
    found: set[str] = set()
    for some in pieces(person_ids):
        found.update(connection.execute(select(memberships.c.person_id).where(_those(name, some))).scalars())
    return found


def _those(name: str, person_ids: Sequence[str]) -> ColumnElement[bool]:
    return and_(memberships.c.watchlist == name, memberships.c.person_id.in_(person_ids))


def _require_people(connection: Connection, person_ids: Sequence[str]) -> None:
    """Raise GalleryError unless all these people are in the gallery."""
    for some in pieces(person_ids):
        there = set(connection.execute(select(people.c.id).where(people.c.id.in_(some))).scalars())
        for person_id in some:
            if person_id not in there:
                rows.require(connection, person_id)


def _note(connection: Connection, person_ids: Sequence[str]) -> None:
    if person_ids:
        history.note(connection, [Happened(ChangeKind.WATCHLISTS_CHANGED, one) for one in person_ids])
