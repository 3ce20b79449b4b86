"""A folder of people into the gallery: photos judged as `enroll` does, a transaction every so many people."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.import_photos import (
    AskedPhoto,
    FolderPart,
    LookedAt,
    Passed,
    PhotoLooker,
    same_image,
)
from pipeline.errors import GalleryError

if TYPE_CHECKING:
    from pipeline.arrays import F32
    from pipeline.gallery.enroll import EnrolmentRules, PhotoVerdict
    from pipeline.gallery.portable.enrolled_images import EnrolledImages
    from pipeline.gallery.portable.kept_rejects import KeptRejects
    from pipeline.gallery.storage.records import Person
    from pipeline.gallery.storage.store import Store

log = logging.getLogger(__name__)

PEOPLE_AT_ONCE = 64
"""in one transaction: a few hundredths of a second, in which no other program writes"""
LONGEST_S = 5.0
"""between two transactions, so that a kill loses little"""
PHOTOS_AT_ONCE = 100
"""of one person; of more, the later are judged against the earlier, as if enrolled in several calls"""
ANYBODY = "this person"
"""in reasons, which are kept and are to hold no names"""


@dataclass(frozen=True, slots=True)
class NewPeople:
    """What holds for everybody who is imported."""

    watchlist: str | None = None
    """joined by those who were in the gallery before, too"""
    consent: str | None = None
    """of those who are new"""
    retain_until: datetime | None = None
    """of those who are new"""


@dataclass(frozen=True, slots=True)
class ImportedPart:
    """What came of a person's folder, or of a part of it."""

    part: FolderPart
    person: Person | None
    """None: nobody of this name is in the gallery"""
    accepted: int
    enrolled: int
    """photos that were templates of theirs before"""
    no_photos: int
    """files that are something else"""
    rejected: tuple[PhotoVerdict, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """Photos that are judged and wait for a transaction."""

    part: FolderPart
    looks: tuple[LookedAt, ...]

    @property
    def name(self) -> str:
        return self.part.folder.name

    @property
    def accepted(self) -> list[LookedAt]:
        return [one for one in self.looks if one.verdict.accepted and one.verdict.template is not None]


class FolderImport:
    """Takes in what was looked at, and enrolls people in batches. What it told of is in the gallery."""

    def __init__(
        self,
        store: Store,
        looker: PhotoLooker,
        images: EnrolledImages,
        rejects: KeptRejects,
        rules: EnrolmentRules,
        new: NewPeople,
        tell: Callable[[ImportedPart], None],
    ) -> None:
        """`tell` is told of each part of a folder, behind the transaction that it is in."""
        self._store = store
        self._looker = looker
        self._images = images
        self._rejects = rejects
        self._rules = rules
        self._new = new
        self._tell = tell
        self._waiting: list[_Judged] = []
        self._taken: dict[str, str] = {}
        self._since = time.monotonic()

    def take(self, looks: Sequence[LookedAt]) -> None:
        """Take in one part of a folder. Raises StoreError, GalleryError, BackendError."""
        part = looks[0].photo.part
        name = part.folder.name
        if any(one.name == name for one in self._waiting):
            self.flush()
        judged = self._compared(self._once_each(self._looked_again(looks), name), name)
        self._waiting.append(_Judged(part, tuple(judged)))
        if len(self._waiting) >= PEOPLE_AT_ONCE or time.monotonic() - self._since > LONGEST_S:
            self.flush()

    def flush(self) -> None:
        """Put into the gallery who waits for it, all of them or none. Raises StoreError, GalleryError."""
        from pipeline.gallery.storage.records import NewPerson

        waiting, self._waiting, self._taken = self._waiting, [], {}
        new = []
        for one in waiting:
            templates = tuple(look.verdict.template for look in one.accepted if look.verdict.template)
            if templates:
                new.append(NewPerson(one.name, templates, self._new.consent, self._new.retain_until))
        for enrolled, given in zip(self._store.enroll_many(new), new, strict=True):
            self._images.add(enrolled.person, [one.image_sha256 for one in given.templates])
        self._join_list([one for one in waiting if one.accepted or _of(one, Passed.ENROLLED)])
        self._keep_rejects(waiting)
        for one in waiting:
            self._tell(self._told(one))
        self._since = time.monotonic()

    def _looked_again(self, looks: Sequence[LookedAt]) -> Sequence[LookedAt]:
        """With a new photo of the person, those that did not look like the others are looked at again."""
        new = any(look.verdict.template is not None and look.verdict.accepted for look in looks)
        relative = [look.photo for look in looks if look.among is not None]
        if not new or not relative:
            return looks
        again = iter(self._looker.look_again(relative))
        return [next(again) if look.among is not None else look for look in looks]

    def _once_each(self, looks: Sequence[LookedAt], name: str) -> Iterator[LookedAt]:
        """Refuse images that were taken since they were looked at, by this import or another program."""
        for look in looks:
            if look.verdict.template is None or look.sha256 is None:
                yield look
                continue
            first = self._taken.setdefault(look.sha256, look.verdict.path)
            owners = self._images.owners(look.sha256)
            person = self._images.person(name)
            if person is not None and any(one.id == person.id for one in owners):
                yield _refused(look, None, Passed.ENROLLED)
            elif owners:
                yield _refused(look, same_image(one.name for one in owners), Passed.TAKEN)
            elif first != look.verdict.path:
                yield _refused(look, f"the same image as {first}", Passed.TAKEN)
            else:
                yield look

    def _compared(self, looks: Iterator[LookedAt], name: str) -> Iterator[LookedAt]:
        """Refuse photos that show somebody else than the person's others and their templates."""
        from pipeline.gallery.enroll import compare_photos

        given = list(looks)
        verdicts: Sequence[PhotoVerdict] = [look.verdict for look in given]
        if not self._rules.force:
            known = self._known(name)
            verdicts = compare_photos(ANYBODY, verdicts, known, self._rules.same_person_distance)
        for look, verdict in zip(given, verdicts, strict=True):
            differs = look.verdict.accepted and not verdict.accepted
            yield replace(look, verdict=verdict, among="" if differs else look.among)

    def _known(self, name: str) -> F32:
        """Vectors (K, D) of the templates that the person has."""
        import numpy as np

        person = self._images.person(name)
        templates = () if person is None else self._store.templates_of(person.id, self._looker.comparable)
        return np.stack([one.vector for one in templates]) if templates else np.zeros((0, 0), np.float32)

    def _join_list(self, waiting: Sequence[_Judged]) -> None:
        from pipeline.gallery.storage.watchlists import Watchlists

        found = [self._images.person(one.name) for one in waiting]
        if self._new.watchlist is not None and found:
            ids = [person.id for person in found if person is not None]
            Watchlists(self._store.database).add(self._new.watchlist, ids)

    def _keep_rejects(self, waiting: Sequence[_Judged]) -> None:
        """Keep what was refused by itself, or among the images that the person has from now on."""
        from pipeline.gallery.portable.kept_rejects import Reject

        found = []
        for one in waiting:
            person = self._images.person(one.name)
            among = self._images.fingerprint(None if person is None else person.id)
            for look in one.looks:
                reason = look.verdict.reason
                if look.passed is None and look.sha256 is not None and reason is not None:
                    found.append(Reject(look.sha256, reason, None if look.among is None else among))
        try:
            self._rejects.add(found)
        except OSError as error:
            log.warning("rejects are not kept (%s): the next import looks at them again", error.strerror)

    def _told(self, one: _Judged) -> ImportedPart:
        return ImportedPart(
            part=one.part,
            person=self._images.person(one.name),
            accepted=len(one.accepted),
            enrolled=_of(one, Passed.ENROLLED),
            no_photos=_of(one, Passed.NO_PHOTO),
            rejected=tuple(look.verdict for look in one.looks if not look.verdict.accepted),
        )


def parts_of(looks: Iterator[LookedAt]) -> Iterator[list[LookedAt]]:
    """What was looked at, part by part."""
    for _, part in groupby(looks, key=lambda look: look.photo.part):
        yield list(part)


def asked_photos(folders: Sequence[Path], images: EnrolledImages) -> Iterator[AskedPhoto]:
    """The files of each person in turn, at least one each: a folder that cannot be used stands for itself."""
    from pipeline.capture.people_folder import files_below
    from pipeline.capture.photo import Skipped
    from pipeline.gallery.names import clean_name

    for folder in folders:
        person = images.person(folder.name)
        try:
            if person is None:
                clean_name(folder.name)
        except GalleryError as error:
            yield AskedPhoto(FolderPart(folder, 0), folder, None, str(error))
            continue
        person_id = None if person is None else person.id
        files = files_below(folder)
        number = 0
        while some := list(islice(files, PHOTOS_AT_ONCE)):
            part = FolderPart(folder, number)
            for one in some:
                if isinstance(one, Skipped):
                    yield AskedPhoto(part, one.path, person_id, one.reason)
                else:
                    yield AskedPhoto(part, one, person_id)
            number += 1
        if not number:
            yield AskedPhoto(FolderPart(folder, 0), folder, person_id, "no photo in this folder")


def _of(one: _Judged, passed: Passed) -> int:
    """How many were passed over for this reason."""
    return sum(look.passed is passed for look in one.looks)


def _refused(look: LookedAt, reason: str | None, passed: Passed) -> LookedAt:
    return replace(look, verdict=replace(look.verdict, reason=reason, template=None), passed=passed)
