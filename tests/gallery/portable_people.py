"""Galleries to be written into portable files, and what is compared when they come back."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.gallery.portable.portable_export import export_people
from pipeline.gallery.portable.portable_file import PortableFile
from pipeline.gallery.portable.portable_import import Outcome, import_portable
from pipeline.gallery.storage.records import NewPerson, NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from tests.gallery.people import template


def png(width: int = 40, height: int = 30, rest: bytes = b"pixels") -> bytes:
    """The beginning of a picture, as far as it is looked at."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s2I", 13, b"IHDR", width, height) + rest


def framed(person: int, shot: int = 0, model_id: str = "model-a", dimension: int = 64) -> NewTemplate:
    """A template whose crop is a picture."""
    new = template(person, shot, model_id, dimension)
    assert new.crop is not None
    return replace(new, crop=replace(new.crop, png=png(rest=f"{person}-{shot}".encode())))


@dataclass(frozen=True)
class Kept:
    """All that a gallery knows, but numbers that it gave itself."""

    people: frozenset[object]
    templates: frozenset[object]
    lists: frozenset[object]


def kept(store: Store) -> Kept:
    lists = Watchlists(store.database)
    people = [one.person for one in store.people()]
    found = set()
    for person in people:
        for one in store.templates_of(person.id):
            crop = store.crop(one.label)
            face_of = None if crop is None else (crop.png, crop.box.tobytes(), crop.landmarks.tobytes())
            plain = (one.person_id, one.model_id, one.vector.tobytes(), one.quality, one.source)
            found.add((*plain, one.image_sha256, one.created_at, face_of))
    return Kept(
        frozenset(people),
        frozenset(found),
        frozenset((one.watchlist, one.created_at, lists.members(one.watchlist.name)) for one in lists.all()),
    )


def fill(store: Store) -> None:
    """Two models, a person without a crop, notes, and lists, one of them empty."""
    until = datetime(2027, 5, 1, tzinfo=UTC)
    store.enroll_many(
        [
            NewPerson("Ann Lee", (framed(1), framed(1, 1)), "signed", until),
            NewPerson("Zoë 子", (framed(2), framed(2, 0, "model-b", 32))),
            NewPerson("Bob", (replace(framed(3), crop=None, source="\u2028 =x.png"),)),
        ]
    )
    lists = Watchlists(store.database)
    lists.create("vip", "greet")
    lists.create("empty", "nobody yet")
    lists.add("vip", [store.find("Ann Lee").id, store.find("Bob").id])


def write(store: Store, path: Path) -> Path:
    export_people(store.database, path, None)
    return path


def read(store: Store, path: Path, merge: bool = False) -> list[Outcome]:
    with PortableFile(path) as file:
        file.verify()
        return [one.outcome for one in import_portable(store.database, file, merge=merge)]
