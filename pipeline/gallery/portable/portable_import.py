"""People of a portable file into a gallery: first looked at as a whole, then added some at a time.

What would not fit is found before anything is written. Each person comes whole, with templates, crops and lists in
one transaction; an import that was killed is started again and goes on, since who is there already is passed over.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from sqlalchemy import Connection, insert, select

from pipeline.errors import GalleryError
from pipeline.gallery.portable.portable_file import PortableFile
from pipeline.gallery.portable.portable_person import PortablePerson, PortableTemplate
from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind, Person
from pipeline.gallery.storage.tables import crops, people, templates, watchlists
from pipeline.gallery.storage.watchlists import NOBODY, add_watchlist, join
from pipeline.types import Watchlist

PEOPLE_AT_ONCE = 64
"""in one transaction"""
NAMED = 3
"""conflicts that a message names"""


class Outcome(StrEnum):
    """What became of a person of the file."""

    NEW = "new"
    MERGED = "merged"
    """into somebody who was here, who got the templates that were missing"""
    UNCHANGED = "unchanged"
    """they were here, with all of it"""


@dataclass(frozen=True, slots=True)
class ImportedPerson:
    """A person of the file, as they are here now."""

    person: Person
    outcome: Outcome
    templates: int
    """that were added"""


def check_fits(database: Database, file: PortableFile, merge: bool) -> None:
    """Raise GalleryError where people of the file are here already and differ, or vectors have another length.

    `merge`: whether people who are here are to get what is missing.
    """
    problems: list[str] = []
    with database.reading() as connection:
        for entry in file.manifest.models:
            of_model = select(rows.dimension(templates.c.vector)).where(
                templates.c.model_id == entry.model_id
            )
            size = connection.execute(of_model.limit(1)).scalar()
            if size is not None and size != entry.dimension:
                raise GalleryError(
                    f"vectors of {entry.model_id} have {size} numbers here and {entry.dimension} in the file: "
                    "two models share one model_id"
                )
        for one in () if merge else file.people():
            problem = _conflict(connection, one)
            if problem is not None:
                problems.append(problem)
    if problems:
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise GalleryError(
            f"{'; '.join(problems[:NAMED])}{more}: nothing was imported; --merge adds to them what is missing"
        )


def import_portable(
    database: Database, file: PortableFile, *, merge: bool = False, watchlist: str | None = None
) -> Generator[ImportedPerson, None, None]:
    """Add the people of a verified file; each is told of behind the transaction that they came in.

    Args:
        merge: people who are here, by id or else by name, get what is missing; they keep their id, name and notes.
        watchlist: one that is here, which everybody joins.

    Raises GalleryError where they do not fit, StoreError.
    """
    check_fits(database, file, merge)
    _add_lists(database, file)
    with closing(file.people()) as left:
        while some := list(islice(left, PEOPLE_AT_ONCE)):
            with database.writing() as connection:
                done = [_add(connection, one, merge) for one in some]
                if watchlist is not None:
                    join(connection, watchlist, [one.person.id for one in done])
            yield from done


def _add_lists(database: Database, file: PortableFile) -> None:
    """Make the lists that are not here; one that is keeps its purpose."""
    with database.writing() as connection:
        here = set(connection.execute(select(watchlists.c.name)).scalars())
        new = [one for one in file.watchlists() if one.name not in here]
        for one in new:
            add_watchlist(connection, Watchlist(one.name, one.purpose), one.created_at)
        if new:
            history.note(connection, [Happened(ChangeKind.WATCHLISTS_CHANGED, NOBODY)])


def _add(connection: Connection, one: PortablePerson, merge: bool) -> ImportedPerson:
    """Add one person in a writing transaction. Raises GalleryError where somebody came in between."""
    here = _here(connection, one)
    if here is None:
        here = Person(
            one.line.id, one.line.name, one.line.created_at, one.line.consent, one.line.retain_until
        )
        connection.execute(insert(people).values(rows.person_values(here)))
        outcome = Outcome.NEW
        missing: Sequence[PortableTemplate] = one.templates
    else:
        missing = _missing(connection, one, here)
        if not merge:
            problem = _conflict(connection, one)
            if problem is not None:
                raise GalleryError(f"{problem}, since this import began; start it again with --merge")
            return ImportedPerson(here, Outcome.UNCHANGED, 0)
        outcome = Outcome.MERGED if missing else Outcome.UNCHANGED
    labels = [_add_template(connection, here, template) for template in missing]
    if labels:
        history.note(connection, [Happened(ChangeKind.TEMPLATE_ADDED, here.id, label) for label in labels])
    for name in one.line.watchlists:
        join(connection, name, [here.id])
    return ImportedPerson(here, outcome, len(labels))


def _here(connection: Connection, one: PortablePerson) -> Person | None:
    """Who a person of the file is here, by id or else by name."""
    return rows.find(connection, one.line.id) or rows.find(connection, one.line.name)


def _conflict(connection: Connection, one: PortablePerson) -> str | None:
    """Why a person cannot be added without a merge; None where nobody is in the way, or all of it is here."""
    here = _here(connection, one)
    if here is None:
        return None
    line = one.line
    if here.id != line.id:
        return f"{line.name} is {here.id} here and {line.id} in the file"
    if here.name != line.name:
        return f"{line.id} is called {here.name} here and {line.name} in the file"
    missing = len(_missing(connection, one, here))
    return f"{line.name} ({line.id}) is here without {missing} of the file's templates" if missing else None


def _missing(connection: Connection, one: PortablePerson, here: Person) -> list[PortableTemplate]:
    """The templates of images that the person has none of yet, by model."""
    asked = select(templates.c.model_id, templates.c.image_sha256).where(templates.c.person_id == here.id)
    known = {(row.model_id, row.image_sha256) for row in connection.execute(asked)}
    return [each for each in one.templates if (each.new.model_id, each.new.image_sha256) not in known]


def _add_template(connection: Connection, person: Person, template: PortableTemplate) -> int:
    values = rows.template_values(person.id, template.new, template.line.created_at)
    label = connection.execute(insert(templates).values(values).returning(templates.c.label)).scalar_one()
    if template.new.crop is not None:
        connection.execute(insert(crops).values(label=label, **rows.crop_values(template.new.crop)))
    return int(label)
