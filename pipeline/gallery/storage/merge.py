"""Two records of one person become one: what moves, what is dropped, and what the history says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, delete, func, insert, literal, select, update

from pipeline.errors import GalleryError
from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER
from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.bounding import drop_redundant, told
from pipeline.gallery.storage.crops import release_crops
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind, Merged, Person
from pipeline.gallery.storage.tables import memberships, people, sightings, strangers, templates


@dataclass(frozen=True, slots=True)
class _Shared:
    """The templates of the one who goes."""

    moved: tuple[int, ...]
    dropped: tuple[int, ...]
    """of images that the other has too"""

    @property
    def all(self) -> tuple[int, ...]:
        """Both, ascending."""
        return tuple(sorted((*self.moved, *self.dropped)))


def merge(connection: Connection, gone_id: str, into_id: str, keep: int | None = None) -> Merged:
    """Make everything of `gone_id` the other's and delete that person, in a writing transaction.

    What both have beyond `keep` templates of a model is dropped by how little it says.

    Their pictures are moved by the caller; `Merged.snapshots` is 0 here. Raises GalleryError where one of the
    two is not there, or both are one.
    """
    if gone_id == into_id:
        raise GalleryError(f"{into_id} cannot be merged with themselves; name two people")
    gone, into = rows.require(connection, gone_id), rows.require(connection, into_id)
    shared = _move_templates(connection, gone, into)
    redundant = drop_redundant(connection, {into_id}, keep)
    joined = _join_watchlists(connection, gone, into)
    seen = _move_sightings(connection, gone, into)
    named = update(strangers).where(strangers.c.person_id == gone_id).values(person_id=into_id)
    followed = connection.execute(named).rowcount
    # The stricter of both stays: the earlier date, and every condition of both notes.
    consent = "; ".join(dict.fromkeys(note for note in (into.consent, gone.consent) if note)) or None
    until = _earlier(into.retain_until, gone.retain_until)
    kept = update(people).where(people.c.id == into_id).values(consent=consent, retain_until=until)
    connection.execute(kept)
    connection.execute(delete(people).where(people.c.id == gone_id))
    # The dropped ones too, so that the history says of every template with whom it went. The last but one is always
    # about the other person, by which `history.merged_into` finds them.
    happened = [Happened(ChangeKind.TEMPLATE_MOVED, into_id, label) for label in shared.all]
    happened += [Happened(ChangeKind.TEMPLATE_REMOVED, into_id, label) for label in shared.dropped]
    happened += told(redundant)
    happened.append(Happened(ChangeKind.WATCHLISTS_CHANGED, into_id))
    happened.append(Happened(ChangeKind.PERSON_MERGED, gone_id))
    version = history.note(connection, happened)
    return Merged(
        person=rows.require(connection, into_id),
        gone=gone,
        moved=len(shared.moved),
        dropped=shared.dropped,
        watchlists=joined,
        sightings=seen,
        strangers=followed,
        snapshots=0,
        version=version,
        redundant=redundant.get(into_id, ()),
    )


def _move_templates(connection: Connection, gone: Person, into: Person) -> _Shared:
    """Give the templates to the other; of an image that stands for both, the other's stays."""
    columns = (templates.c.label, templates.c.person_id, templates.c.model_id, templates.c.image_sha256)
    asked = select(*columns).where(templates.c.person_id.in_((gone.id, into.id))).order_by(templates.c.label)
    both = connection.execute(asked).all()
    theirs = {(row.model_id, row.image_sha256) for row in both if row.person_id == into.id}
    leaving = [row for row in both if row.person_id == gone.id]
    dropped = tuple(row.label for row in leaving if (row.model_id, row.image_sha256) in theirs)
    moved = tuple(row.label for row in leaving if (row.model_id, row.image_sha256) not in theirs)
    release_crops(connection, dropped)
    for label in dropped:
        connection.execute(delete(templates).where(templates.c.label == label))
    connection.execute(update(templates).where(templates.c.person_id == gone.id).values(person_id=into.id))
    return _Shared(moved, dropped)


def _join_watchlists(connection: Connection, gone: Person, into: Person) -> tuple[str, ...]:
    """Let the other belong to every list of the one who goes; names of those that are new to them."""
    lists = select(memberships.c.watchlist).order_by(memberships.c.watchlist)
    theirs = set(connection.execute(lists.where(memberships.c.person_id == into.id)).scalars())
    leaving = connection.execute(lists.where(memberships.c.person_id == gone.id)).scalars().all()
    joined = tuple(name for name in leaving if name not in theirs)
    if joined:
        values = [{"watchlist": name, "person_id": into.id} for name in joined]
        connection.execute(insert(memberships), values)
    connection.execute(delete(memberships).where(memberships.c.person_id == gone.id))
    return joined


def _move_sightings(connection: Connection, gone: Person, into: Person) -> int:
    """Say of past sightings that they were the other's; how many. A correction of each is due then.

    Where one waits already, subscribers still know whom that one names as the previous: it stays. Its number is
    passed over all the same, as it may have been published and not yet be noted as told.
    """
    told = sightings.c.told_seq == sightings.c.seq
    folder = f"{SNAPSHOTS_FOLDER}/{gone.id}/"
    inside = func.substr(sightings.c.snapshot, len(SNAPSHOTS_FOLDER) + 2)
    handed = case(
        (
            sightings.c.snapshot.startswith(folder, autoescape=True),
            literal(f"{SNAPSHOTS_FOLDER}/{into.id}/").concat(inside),
        ),
        else_=sightings.c.snapshot,
    )
    moved = update(sightings).where(sightings.c.person_id == gone.id)
    return connection.execute(
        moved.values(
            person_id=into.id,
            seq=sightings.c.seq + 1,
            previous_person_id=case((told, gone.id), else_=sightings.c.previous_person_id),
            previous_name=case((told, gone.name), else_=sightings.c.previous_name),
            snapshot=handed,
        )
    ).rowcount


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier date; None says that there is no limit."""
    dates = [date for date in (one, other) if date is not None]
    return min(dates, default=None)
