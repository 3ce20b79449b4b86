"""Forgetting: everything of a person is erased, wherever the gallery keeps it, and then looked for.

In this order, so that it can be stopped anywhere and done again: a line in the audit file, pictures, all rows in one
transaction, the database's log, the indexes on disk, the backups, the proof, a line in the audit file. Whoever was
begun with and not finished is finished by forgetting the same id again; backups are made up for by the next
forgetting of anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, select

from pipeline.errors import StoreError
from pipeline.gallery.keeping import audit, erasing
from pipeline.gallery.keeping.audit import FORGET, AuditLine, Step
from pipeline.gallery.keeping.backup_erasing import Cleaned, clean_backups
from pipeline.gallery.keeping.backup_manifest import OnProgress, untold
from pipeline.gallery.keeping.erased_pictures import tell_erased
from pipeline.gallery.keeping.erasing import Whom
from pipeline.gallery.keeping.evidence import Evidence
from pipeline.gallery.keeping.pictures_named import pictures_of, pictures_showing
from pipeline.gallery.keeping.proof import Proof, prove
from pipeline.gallery.keeping.snapshots import (
    delete_pictures,
    erase_snapshots,
    files_below,
    files_of,
    snapshots_of,
    without_backgrounds,
)
from pipeline.gallery.memory.snapshot_folders import remove_snapshots, wipe_snapshots
from pipeline.gallery.names import is_text
from pipeline.gallery.sightings.stranger_rows import still_unknown
from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import changes, crops, memberships, sightings, strangers, templates

Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased with a person, and whether anything of them was found afterwards."""

    id: str
    """of a person or a stranger"""
    name: str | None
    """None for a stranger, and for somebody who was forgotten before"""
    templates: int
    crops: int
    sightings: int
    strangers: int
    """ids under which they were seen before they had a name"""
    watchlists: int
    """that they were on"""
    snapshots: int
    """pictures below the data folder"""
    index_snapshots: int
    """indexes on disk that were deleted; they are made anew when one is needed"""
    backups: Cleaned
    traceless: bool
    """False where another program was reading the database, so that old pages may linger in its log until that
    program closes it"""
    proof: Proof | None = None
    """None: not looked for"""

    @property
    def left(self) -> tuple[str, ...]:
        """Where something of them is, or may be, and what to do about it."""
        found = [
            f"{line}; nobody was erased there: run people forget again when it is back, or delete it and tell so by "
            "backup --gone"
            for line in self.backups.unreached
        ]
        if not self.traceless:
            found.append(
                "another program reads the gallery: old pages stay in its log until that program ends"
            )
        return (*found, *(self.proof.left if self.proof is not None else ()))

    @property
    def proved(self) -> bool | None:
        """Whether nothing of them was found; None where nobody looked."""
        return None if self.proof is None else self.proof.proved and not self.left


def forget(
    database: Database,
    data: Path,
    person_id: str,
    *,
    look: bool = True,
    now: Now = rows.now,
    on_progress: OnProgress = untold,
) -> Forgotten:
    """Erase a person, and prove it; or finish it, for somebody who was forgotten before.

    `look`: whether to prove it, which reads the gallery and every file that is known. Raises GalleryError where
    nobody has or had this id, StoreError where something fails that has to be done before the rest.
    """
    with database.reading() as connection:
        gone = _was_forgotten(connection, person_id)
        name = None if gone else rows.require(connection, person_id).name
    line = AuditLine(FORGET, person=person_id)

    def erase(connection: Connection) -> None:
        rows.require(connection, person_id)
        history.note(connection, [Happened(ChangeKind.PERSON_FORGOTTEN, person_id)])

    going = _Going(database, data, line, lambda connection: erasing.whom(connection, person_id), now)
    return going.go(name, None if gone else erase, look, on_progress)


def forget_stranger(
    database: Database,
    data: Path,
    stranger_id: str,
    *,
    look: bool = True,
    now: Now = rows.now,
    on_progress: OnProgress = untold,
) -> Forgotten:
    """Erase an unknown person, all their sightings and everybody merged into them, and prove it, as `forget` does.

    Raises GalleryError where no stranger has this id, or one who has a name by now.
    """
    with database.reading() as connection:
        who = still_unknown(connection, stranger_id).id
    line = AuditLine(FORGET, stranger=who)

    def erase(connection: Connection) -> None:
        still_unknown(connection, who)

    going = _Going(database, data, line, lambda connection: erasing.stranger(connection, who), now)
    return going.go(None, erase, look, on_progress)


@dataclass(frozen=True, slots=True)
class _Going:
    """Somebody on their way out."""

    database: Database
    data: Path
    line: AuditLine
    whom: Callable[[Connection], Whom]
    now: Now
    evidence: Evidence = field(default_factory=Evidence)
    named: set[str] = field(default_factory=set)
    """pictures that show them, as sightings name them"""

    def go(
        self,
        name: str | None,
        change: Callable[[Connection], None] | None,
        look: bool,
        on_progress: OnProgress,
    ) -> Forgotten:
        """All of it. `change`: what else is written in the transaction; None: their rows are gone already."""
        with self.database.reading() as connection:
            whom = self.whom(connection)
        ids = whom.people | whom.strangers
        begun = replace(self.line, also=tuple(sorted(ids - {self.line.person, self.line.stranger})))
        audit.note(self.data, replace(begun, step=Step.BEGUN), self.now())
        snapshots = self._erase_pictures(whom)
        erased: Mapping[str, int] = {} if change is None else self._erase_rows(change)
        try:
            snapshots += self._erase_pictures(whom)  # what a running camera has written since
            forgotten = self._erase_copies(name, whom, erased, snapshots)
            if look:
                places = (self.data, *forgotten.backups.known)
                forgotten = replace(forgotten, proof=prove(self.database, self.evidence, places, on_progress))
            done = replace(begun, erased=counts(forgotten), proved=forgotten.proved, left=forgotten.left)
            audit.note(self.data, done, self.now())
        except StoreError as error:
            again = self.line.person or "anybody"
            raise StoreError(
                f"{error}; they are erased from the gallery, but perhaps not from its copies: run people forget {again}"
            ) from error
        return forgotten

    def _erase_copies(
        self, name: str | None, whom: Whom, erased: Mapping[str, int], snapshots: int
    ) -> Forgotten:
        """Erase what is in no row any more: the log, indexes, backups."""
        return Forgotten(
            id=self.line.person or self.line.stranger or "",
            name=name,
            templates=erased.get(templates.name, 0),
            crops=erased.get(crops.name, 0),
            sightings=erased.get(sightings.name, 0),
            strangers=erased.get(strangers.name, 0),
            watchlists=erased.get(memberships.name, 0),
            snapshots=snapshots,
            index_snapshots=self._erase_indexes(whom),
            traceless=self.database.wipe_log(),
            backups=clean_backups(self.database, self.data, self.evidence),
        )

    def _erase_rows(self, change: Callable[[Connection], None]) -> Mapping[str, int]:
        with self.database.writing() as connection:
            change(connection)
            whom = self.whom(connection)
            self.evidence.gather(connection, whom)
            self.named.update(pictures_showing(connection, self.data, whom))
            return erasing.erase(connection, whom)

    def _erase_pictures(self, whom: Whom) -> int:
        """Delete the pictures that show them, after a look at theirs; how many there were."""
        with self.database.reading() as connection:
            theirs = files_of(self.data, pictures_of(connection, whom))
            self.named.update(pictures_showing(connection, self.data, whom))
        for person_id in sorted(whom.people):
            theirs |= set(files_below(snapshots_of(self.data, person_id)))
        self.evidence.gather_pictures(without_backgrounds(theirs))
        tell_erased(self.data, self.named)
        paths = theirs | files_of(self.data, self.named)
        return delete_pictures(paths) + sum(erase_snapshots(self.data, each) for each in whom.people)

    def _erase_indexes(self, whom: Whom) -> int:
        """Delete the indexes on disk that have their templates, or may; how many."""
        labels = self.evidence.labels[templates.name]
        if not labels and whom.people:
            return remove_snapshots(self.data)  # their rows are gone already, and with them what they were
        return wipe_snapshots(self.data, np.array(sorted(labels), np.int64), past=True)


def was_forgotten(database: Database, person_id: str) -> bool:
    """Whether somebody had this id who was forgotten. Raises StoreError."""
    with database.reading() as connection:
        return _was_forgotten(connection, person_id)


def counts(forgotten: Forgotten) -> Mapping[str, int]:
    """What was erased -> how many, as reports and the audit file say it."""
    return {
        "templates": forgotten.templates,
        "crops": forgotten.crops,
        "sightings": forgotten.sightings,
        "strangers": forgotten.strangers,
        "watchlists": forgotten.watchlists,
        "snapshots": forgotten.snapshots,
        "index_snapshots": forgotten.index_snapshots,
        "backups": len(forgotten.backups.cleaned),
    }


def _was_forgotten(connection: Connection, person_id: str) -> bool:
    if not is_text(person_id):
        return False
    gone = select(changes.c.seq).where(
        changes.c.person_id == person_id, changes.c.kind == ChangeKind.PERSON_FORGOTTEN
    )
    return connection.execute(gone.limit(1)).first() is not None
