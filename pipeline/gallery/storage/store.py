"""The gallery on disk: people, templates, crops, and the numbered history of what happened to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from sqlalchemy import func, select, update

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.comparable import Comparable, is_comparable
from pipeline.gallery.keeping.forgetting import Forgotten, forget
from pipeline.gallery.memory.contents import Contents, read_contents
from pipeline.gallery.memory.snapshot_folders import wipe_snapshots
from pipeline.gallery.names import clean_name, clean_note, suggest
from pipeline.gallery.storage import additions, history, rows, serving
from pipeline.gallery.storage.crops import crop_of
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.hand_over import hand_over, take_back
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.merge import merge
from pipeline.gallery.storage.problems import picture_problems, table_problems
from pipeline.gallery.storage.records import (
    Change,
    ChangeKind,
    Crop,
    Enrolled,
    Merged,
    NewPerson,
    NewTemplate,
    Person,
    PersonCount,
    Serving,
    Template,
    Unchanged,
    check_zone,
)
from pipeline.gallery.storage.tables import changes, people, templates

DATABASE_FILE = "gallery.db"


class Store:
    """The gallery's only way to the database.

    Every write is one transaction: it is kept whole, also through a crash, or not at all. Threads may share
    a store. All methods raise StoreError where the database fails.
    """

    def __init__(self, data: Path, url: str | None = None, max_templates: int | None = None) -> None:
        """`data`: the folder of everything written at run time; `url`: of a database other than its gallery.db.

        `max_templates`: kept of a person and model, the most different ones; None: all.
        """
        self._data = data
        self.max_templates = max_templates
        self.database = Database(url if url is not None else data / DATABASE_FILE)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect, and begin a new gallery where there is none. Raises GalleryError for a foreign one."""
        self.database.open()

    def close(self) -> None:
        """Disconnect."""
        self.database.close()

    def enroll(self, name_or_id: str, new: Sequence[NewTemplate]) -> Enrolled:
        """Add templates to the person of this name or id, who is made if there is nobody of this name.

        Raises GalleryError for a name that cannot be used, for an image that this person has already, and
        for vectors of another dimension than those of their model.
        """
        if not new:
            raise ValueError("enroll needs at least one template")
        (enrolled,) = self.enroll_many([NewPerson(name_or_id, tuple(new))])
        return enrolled

    def enroll_many(self, new: Sequence[NewPerson]) -> tuple[Enrolled, ...]:
        """Add templates of many people in one transaction, all or none; an answer for each, in their order.

        The same person may be given more than once. Every answer has the version that the whole led to. Raises
        GalleryError as `enroll` does.
        """
        if not new:
            return ()
        with self.database.writing() as connection:
            enrolled = additions.add(connection, new, self.max_templates)
        fresh = {label for one in enrolled for label in one.labels}
        self.wipe({label for one in enrolled for label in one.redundant} - fresh)
        return enrolled

    def rename(self, person_id: str, name: str) -> Person:
        """Give a person another name. Raises GalleryError where somebody else has it."""
        name = clean_name(name)
        with self.database.writing() as connection:
            person = rows.require(connection, person_id)
            if name == person.name:
                return person
            other = rows.find(connection, name)
            if other is not None:
                raise GalleryError(f"{other.id} is called {name} already; choose another name")
            connection.execute(update(people).where(people.c.id == person_id).values(name=name))
            history.note(connection, [Happened(ChangeKind.PERSON_RENAMED, person_id)])
            renamed = rows.require(connection, person_id)
        self.database.wipe_log()
        return renamed

    def merge(self, gone_id: str, into_id: str) -> Merged:
        """Make two records of one person one: everything of `gone_id` is the other's then.

        Templates (one of each image), crops, watchlists, past sightings, strangers named so, and snapshots. The
        earlier date of both to be kept until stands, and the notes on consent of both. Raises GalleryError
        where one of the two is not there.
        """
        moved = 0
        try:
            with self.database.writing() as connection:
                merged = merge(connection, gone_id, into_id, self.max_templates)
                # The last step before the commit: merging again finishes what a crash between the two leaves.
                moved = hand_over(self._data, gone_id, into_id)
        except BaseException:
            # A connection lost in the commit does not say whether it was done.
            if moved and self.known(gone_id) is not None:
                take_back(self._data, gone_id, into_id)
            raise
        self.database.wipe_log()
        self.wipe({*merged.dropped, *merged.redundant})
        return replace(merged, snapshots=moved)

    def wipe(self, labels: Collection[int]) -> None:
        """Let nothing be left of templates that were dropped: whoever is forgotten later no longer has them.

        For whoever drops some, after that is committed.
        """
        if labels:
            self.database.wipe_log()
            wipe_snapshots(self._data, np.array(sorted(labels), np.int64))

    def set_person(
        self,
        person_id: str,
        *,
        consent: str | Unchanged | None = Unchanged.UNCHANGED,
        retain_until: datetime | Unchanged | None = Unchanged.UNCHANGED,
    ) -> Person:
        """Note what a person agreed to, and until when they may be kept; None takes it away.

        No replica needs to know, so that this is no change of the history. Raises GalleryError for a note that
        is no line of text, ValueError for a date without a zone.
        """
        values: dict[str, object] = {}
        if consent is not Unchanged.UNCHANGED:
            values["consent"] = None if consent is None else clean_note(consent)
        if retain_until is not Unchanged.UNCHANGED:
            check_zone("retain_until", retain_until)
            values["retain_until"] = retain_until
        with self.database.writing() as connection:
            if values:
                connection.execute(update(people).where(people.c.id == person_id).values(values))
            return rows.require(connection, person_id)

    def forget(self, person_id: str) -> Forgotten:
        """Erase everything of a person, wherever the gallery keeps it, as `forgetting.forget` does without a proof.

        Raises GalleryError where nobody has this id.
        """
        with self.database.reading() as connection:
            rows.require(connection, person_id)
        return forget(self.database, self._data, person_id, look=False)

    def people(self) -> tuple[PersonCount, ...]:
        """Everybody, in order of name."""
        with self.database.reading() as connection:
            counted = (
                select(people, func.count(templates.c.label).label("templates"))
                .join_from(people, templates, isouter=True)
                .group_by(people.c.id)
            )
            found = [PersonCount(rows.person(row), row.templates) for row in connection.execute(counted)]
        return tuple(sorted(found, key=lambda one: (one.person.name.casefold(), one.person.id)))

    def find(self, name_or_id: str) -> Person:
        """The person of exactly this name or id. Raises GalleryError that says who may have been meant."""
        with self.database.reading() as connection:
            person = rows.find(connection, name_or_id)
            if person is None:
                everybody = [
                    rows.person(row) for row in connection.execute(select(people).order_by(people.c.id))
                ]
                raise GalleryError(f"nobody is called {name_or_id!r}{suggest(name_or_id, everybody)}")
        return person

    def known(self, name_or_id: str) -> Person | None:
        """The person of exactly this name or id, or None."""
        with self.database.reading() as connection:
            return rows.find(connection, name_or_id)

    def templates_by_model(self) -> dict[str, int]:
        """How many templates there are of each model_id, in order of model_id."""
        label = templates.c.label
        counted = select(templates.c.model_id, func.count(label).label("templates"))
        counted = counted.group_by(templates.c.model_id).order_by(templates.c.model_id)
        with self.database.reading() as connection:
            return {row.model_id: row.templates for row in connection.execute(counted)}

    def templates_of(self, person_id: str, comparable: Comparable | None = None) -> tuple[Template, ...]:
        """A person's templates, oldest first, of these models or all."""
        asked = select(templates).where(templates.c.person_id == person_id).order_by(templates.c.label)
        if comparable is not None:
            asked = asked.where(is_comparable(templates.c.model_id, comparable))
        with self.database.reading() as connection:
            return tuple(rows.template(row) for row in connection.execute(asked))

    def crop(self, label: int) -> Crop | None:
        """The face that a template was made of; None where it was enrolled without one."""
        with self.database.reading() as connection:
            return crop_of(connection, label)

    def owners(self, image_sha256: str, comparable: Comparable) -> tuple[Person, ...]:
        """Whose templates of these models were made of this image."""
        asked = (
            select(people)
            .join_from(people, templates)
            .where(templates.c.image_sha256 == image_sha256, is_comparable(templates.c.model_id, comparable))
            .distinct()
            .order_by(people.c.id)
        )
        with self.database.reading() as connection:
            return tuple(rows.person(row) for row in connection.execute(asked))

    def contents(self, comparable: Comparable) -> Contents:
        """Everybody, and all templates of these models, at one version. Raises StoreError for damaged vectors."""
        with self.database.reading() as connection:
            return read_contents(connection, comparable)

    def version(self) -> int:
        """Number of the last change; 0 for a gallery that nothing ever happened to."""
        with self.database.reading() as connection:
            return rows.version(connection)

    def changes_since(self, seq: int) -> tuple[Change, ...]:
        """The changes after this one, in order."""
        asked = select(changes).where(changes.c.seq > seq).order_by(changes.c.seq)
        with self.database.reading() as connection:
            return tuple(
                Change(row.seq, ChangeKind(row.kind), row.person_id, row.label)
                for row in connection.execute(asked)
            )

    def serving(self) -> Serving | None:
        """The embedder that the gallery was switched to last; None where it never was."""
        with self.database.reading() as connection:
            return serving.serving(connection)

    def serve(self, model: str, model_id: str) -> Serving:
        """Switch to this embedder, an entry of models.yaml; a numbered change, so that whoever follows learns of it."""
        with self.database.writing() as connection:
            return serving.serve(connection, model, model_id)

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the gallery and how to repair it, a line each; reads all of it. For `doctor`."""
        try:
            found = list(self.database.problems())
            with self.database.reading() as connection:
                found += table_problems(connection)
                pictures = tuple(picture_problems(connection, self._data))
        except StoreError as error:
            return (str(error),)
        repair = "restore a copy of it, or enroll anew in another --data folder"
        return (*(f"{line}; {repair}" for line in found), *pictures)
