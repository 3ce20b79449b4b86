"""Which images the gallery has templates of, and whose they are: what an import passes over without looking."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Self

from sqlalchemy import select

from pipeline.gallery.comparable import Comparable, is_comparable
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import people, templates


class EnrolledImages:
    """Images of comparable models' templates, by the SHA-256 of their bytes; kept true by who adds more.

    Read once, since a question a photo would read the whole table each time: 200 bytes an image in memory.
    Threads may ask while one adds.
    """

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._named: dict[str, str] = {}
        self._owners: dict[bytes, tuple[str, ...]] = {}
        self._images: dict[str, list[bytes]] = {}

    @classmethod
    def load(cls, store: Store, comparable: Comparable) -> Self:
        """As the gallery is now. Raises StoreError."""
        found = cls()
        asked = select(templates.c.person_id, templates.c.image_sha256).where(
            is_comparable(templates.c.model_id, comparable)
        )
        with store.database.reading() as connection:
            for row in connection.execute(select(people)):
                found._learn(rows.person(row))
            for row in connection.execute(asked):
                found._add(row.person_id, row.image_sha256)
        return found

    def add(self, person: Person, images_sha256: Iterable[str]) -> None:
        """A person has templates of these images too."""
        self._learn(person)
        for image in images_sha256:
            self._add(person.id, image)

    def person(self, name_or_id: str) -> Person | None:
        """Whoever has exactly this name or id."""
        found = self._named.get(unicodedata.normalize("NFC", name_or_id).strip())
        return self._people.get(name_or_id if found is None else found)

    def owners(self, image_sha256: str) -> tuple[Person, ...]:
        """Whose templates were made of this image."""
        return tuple(self._people[one] for one in self._owners.get(bytes.fromhex(image_sha256), ()))

    def fingerprint(self, person_id: str | None) -> str:
        """A hash of which images a person has: it changes whenever they get another. Nobody has none."""
        theirs = self._images.get(person_id, []) if person_id is not None else []
        return hashlib.sha256(b"".join(sorted(theirs))).hexdigest()

    def _learn(self, person: Person) -> None:
        self._people[person.id] = person
        self._named[person.name] = person.id

    def _add(self, person_id: str, image_sha256: str) -> None:
        image = bytes.fromhex(image_sha256)
        owners = self._owners.get(image, ())
        if person_id not in owners:
            self._owners[image] = (*owners, person_id)
            self._images.setdefault(person_id, []).append(image)
