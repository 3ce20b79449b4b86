"""People of a gallery written into one portable file, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from sqlalchemy import Connection, Select, select

from pipeline.errors import BadInputError, OutsideError, StoreError
from pipeline.gallery.disk import sync
from pipeline.gallery.portable.portable_format import (
    FORMAT,
    MANIFEST,
    PEOPLE,
    TEMPLATES,
    VERSION,
    WATCHLISTS,
    Counts,
    CropLine,
    FileEntry,
    Line,
    Manifest,
    ModelEntry,
    PersonLine,
    Source,
    TemplateLine,
    WatchlistLine,
    crop_file,
    vectors_file,
)
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.tables import crops, gallery, memberships, people, templates, watchlists
from pipeline.gallery.vectors import dimension_of, floats_from_bytes, floats_to_bytes, from_bytes

PRIVATE = 0o600
"""faces and vectors are for the owner's eyes"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    counts: Counts
    bytes: int
    sha256: str
    """of the whole file"""


@dataclass(slots=True)
class _Model:
    """A model whose templates are written."""

    model_id: str
    number: int
    dimension: int
    templates: int = 0


@dataclass(slots=True)
class _Writing:
    """An archive on its way, member by member."""

    archive: zipfile.ZipFile
    files: dict[str, FileEntry] = field(default_factory=dict)

    def member(self, name: str, parts: Iterator[bytes]) -> None:
        """Write a member, noted with its hash."""
        digest, size = hashlib.sha256(), 0
        with self.archive.open(_info(name), "w", force_zip64=True) as out:
            for part in parts:
                out.write(part)
                digest.update(part)
                size += len(part)
        self.files[name] = FileEntry(bytes=size, sha256=digest.hexdigest())

    def lines(self, name: str, lines: Iterator[Line]) -> None:
        """Write a member of JSON Lines."""
        self.member(name, (line.model_dump_json().encode() + b"\n" for line in lines))


def export_people(
    database: Database,
    path: Path,
    whom: Sequence[Person] | None,
    *,
    replace: bool = False,
    advance: Callable[[int], None] = lambda count: None,
) -> Exported:
    """Write these people, or everybody, with their templates, crops and watchlists, as the gallery is at one moment.

    Args:
        replace: whether a file that is there may be replaced.
        advance: told how many people's crops were written since it was told last.

    Raises BadInputError where there is a file already, OutsideError where it cannot be written, StoreError.
    """
    with _whole_file(path, replace) as part:
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive, database.reading() as connection:
                counts = _write(_Writing(archive), connection, whom, advance)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            raise StoreError(
                f"the gallery holds what cannot be ({problem['loc']}: {problem['msg']}); run doctor"
            ) from error
        digest = _digest(part)
        size = part.stat().st_size
    return Exported(counts, size, digest)


def _write(
    out: _Writing, connection: Connection, whom: Sequence[Person] | None, advance: Callable[[int], None]
) -> Counts:
    everybody = [rows.person(row) for row in connection.execute(select(people).order_by(people.c.id))]
    asked = None if whom is None else {one.id for one in whom}
    chosen = [one for one in everybody if asked is None or one.id in asked]
    lists = _lists_of(connection, [one.id for one in chosen])
    out.lines(PEOPLE, (_person_line(one, lists.get(one.id, [])) for one in chosen))
    named = None if asked is None else {name for names in lists.values() for name in names}
    found = [one for one in _watchlists(connection) if named is None or one.name in named]
    out.lines(WATCHLISTS, iter(found))
    models: dict[str, _Model] = {}
    pictures = _write_templates(out, connection, chosen, models)
    _write_crops(out, connection, chosen, advance)
    for model in models.values():
        out.member(vectors_file(model.number), _array(connection, chosen, model))
    counts = Counts(
        people=len(chosen),
        templates=sum(model.templates for model in models.values()),
        crops=pictures,
        watchlists=len(found),
    )
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        created_at=rows.now(),
        gallery=Source(
            id=connection.execute(select(gallery.c.id)).scalar_one(), version=rows.version(connection)
        ),
        counts=counts,
        models=[
            ModelEntry(
                model_id=one.model_id,
                file=vectors_file(one.number),
                dimension=one.dimension,
                templates=one.templates,
            )
            for one in models.values()
        ],
        files=out.files,
    )
    out.archive.writestr(_info(MANIFEST), manifest.model_dump_json(indent=1))
    return counts


def _write_templates(
    out: _Writing, connection: Connection, chosen: Sequence[Person], models: dict[str, _Model]
) -> int:
    """Write templates.jsonl; how many different crops it names. Fills `models` in order of appearance."""
    pictures: set[str] = set()

    def lines() -> Iterator[TemplateLine]:
        asked = select(templates, crops.c.png, crops.c.face).join_from(templates, crops, isouter=True)
        for row in _of_each(connection, chosen, asked):
            dimension = dimension_of(row.vector)
            model = models.setdefault(row.model_id, _Model(row.model_id, len(models), dimension))
            crop = None
            if row.png is not None:
                face = [float(number) for number in floats_from_bytes(row.face)]
                crop = CropLine(sha256=hashlib.sha256(row.png).hexdigest(), box=face[:4], landmarks=face[4:])
                pictures.add(crop.sha256)
            yield TemplateLine(
                person=row.person_id,
                model=model.number,
                row=model.templates,
                quality=row.quality,
                source=row.source,
                image_sha256=row.image_sha256,
                created_at=row.created_at,
                crop=crop,
            )
            model.templates += 1

    out.lines(TEMPLATES, lines())
    return len(pictures)


def _write_crops(
    out: _Writing, connection: Connection, chosen: Sequence[Person], advance: Callable[[int], None]
) -> None:
    """Each picture once; the archive's directory knows which are there."""
    asked = select(templates.c.label, crops.c.png).join_from(templates, crops)
    for person in chosen:
        for row in _of_each(connection, [person], asked):
            name = crop_file(hashlib.sha256(row.png).hexdigest())
            if name not in out.archive.NameToInfo:
                out.archive.writestr(_info(name), row.png)
        advance(1)


def _array(connection: Connection, chosen: Sequence[Person], model: _Model) -> Iterator[bytes]:
    """The model's vectors as a numpy file of version 1.0 (numpy.lib.format), row by row; as float32, however stored."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({model.templates}, {model.dimension}), }}"
    padding = -(len(np.lib.format.MAGIC_PREFIX) + 4 + len(header) + 1) % np.lib.format.ARRAY_ALIGN
    text = f"{header}{' ' * padding}\n".encode("latin1")
    yield np.lib.format.magic(1, 0) + len(text).to_bytes(2, "little") + text
    asked = select(templates.c.label, templates.c.vector).where(templates.c.model_id == model.model_id)
    for row in _of_each(connection, chosen, asked):
        yield floats_to_bytes(from_bytes(row.vector))


def _of_each(connection: Connection, chosen: Sequence[Person], asked: Select[Any]) -> Iterator[rows.AnyRow]:
    """The rows of each person's templates in turn, oldest first."""
    for person in chosen:
        theirs = asked.where(templates.c.person_id == person.id).order_by(templates.c.label)
        yield from connection.execute(theirs)


def _person_line(person: Person, lists: Sequence[str]) -> PersonLine:
    return PersonLine(
        id=person.id,
        name=person.name,
        created_at=person.created_at,
        consent=person.consent,
        retain_until=person.retain_until,
        watchlists=sorted(lists),
    )


def _lists_of(connection: Connection, person_ids: Sequence[str]) -> dict[str, list[str]]:
    """The names of the lists that each is on."""
    found: dict[str, list[str]] = {}
    for some in pieces(person_ids):
        for row in connection.execute(select(memberships).where(memberships.c.person_id.in_(some))):
            found.setdefault(row.person_id, []).append(row.watchlist)
    return found


def _watchlists(connection: Connection) -> list[WatchlistLine]:
    return [
        WatchlistLine(name=row.name, purpose=row.purpose, created_at=row.created_at.isoformat())
        for row in connection.execute(select(watchlists).order_by(watchlists.c.name))
    ]


def _info(name: str) -> zipfile.ZipInfo:
    """A member without a time of its own, which would say nothing: `created_at` is in the manifest."""
    info = zipfile.ZipInfo(name)
    info.external_attr = PRIVATE << 16
    return info


@contextmanager
def _whole_file(path: Path, replace: bool) -> Iterator[Path]:
    """A file beside `path` that takes its name when it is whole and on the disk. Raises as `export_people`."""
    try:
        if not replace and (path.exists() or path.is_symlink()):
            raise BadInputError(f"{path}: is there already; name another file, or give --force")
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
        part = Path(name)
        try:
            yield part
            sync(part)
            if not replace and path.exists():
                raise BadInputError(f"{path}: was made by another program meanwhile; name another file")
            os.replace(part, path)
            sync(path.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutsideError(f"{path}: cannot be written ({error.strerror}); name another file") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
