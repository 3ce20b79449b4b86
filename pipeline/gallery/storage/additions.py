"""New people and templates: what is checked of them, and how they come into the tables, many at a time."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, insert, select

from pipeline.errors import GalleryError
from pipeline.gallery.names import PERSON_ID, clean_name, clean_note, is_text
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.bounding import drop_redundant, told
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind, Enrolled, NewPerson, NewTemplate, Person
from pipeline.gallery.storage.tables import crops, people, templates


def add(connection: Connection, new: Sequence[NewPerson], keep: int | None = None) -> tuple[Enrolled, ...]:
    """Add these people's templates, all or none, in a writing transaction; an answer for each, in their order.

    What a person has beyond `keep` templates of a model, old and new together, is dropped by how little it says.

    It asks and writes a few times for all of them, not for each. Raises GalleryError as `Store.enroll` does.
    """
    owners = _owners(connection, new)
    _check_dimensions(connection, new)
    _check_images(connection, owners, new)
    given = [
        (person, template) for person, one in zip(owners, new, strict=True) for template in one.templates
    ]
    labels = _add_templates(connection, given)
    happened = [
        Happened(ChangeKind.TEMPLATE_ADDED, person.id, label)
        for (person, _), label in zip(given, labels, strict=True)
    ]
    dropped = drop_redundant(connection, {person.id for person in owners}, keep)
    version = history.note(connection, [*happened, *told(dropped)])
    left = iter(labels)
    return tuple(
        Enrolled(person, tuple(next(left) for _ in one.templates), version, dropped.get(person.id, ()))
        for person, one in zip(owners, new, strict=True)
    )


def _owners(connection: Connection, new: Sequence[NewPerson]) -> list[Person]:
    """The person whom each of these is, made where there is nobody of this name."""
    keys = [unicodedata.normalize("NFC", one.name_or_id).strip() for one in new]
    known = _known(connection, {key for key in keys if is_text(key)})
    made: list[Person] = []
    at = rows.now()
    for key, one in zip(keys, new, strict=True):
        if key not in known:
            consent = None if one.consent is None else clean_note(one.consent)
            id_ = f"p_{secrets.token_hex(6)}"
            known[key] = Person(id_, clean_name(key), at, consent, one.retain_until)
            made.append(known[key])
    if made:
        connection.execute(insert(people), [rows.person_values(person) for person in made])
    return [known[key] for key in keys]


def _known(connection: Connection, keys: set[str]) -> dict[str, Person]:
    """Those who are there, by the name or id that was asked for."""
    ids = sorted(key for key in keys if PERSON_ID.fullmatch(key))
    names = sorted(set(keys) - set(ids))
    found: dict[str, Person] = {}
    for column, asked in ((people.c.id, ids), (people.c.name, names)):
        for some in pieces(asked):
            for row in connection.execute(select(people).where(column.in_(some))):
                found[getattr(row, column.name)] = rows.person(row)
    return found


def _check_dimensions(connection: Connection, new: Sequence[NewPerson]) -> None:
    """Raise GalleryError unless all vectors of a model, new and old, have one dimension."""
    sizes: dict[str, set[int]] = {}
    for one in new:
        for template in one.templates:
            sizes.setdefault(template.model_id, set()).add(len(template.vector))
    for model_id, given in sorted(sizes.items()):
        asked = select(rows.dimension(templates.c.vector)).where(templates.c.model_id == model_id).limit(1)
        first = connection.execute(asked).scalar()
        if len(given if first is None else given | {first}) > 1:
            raise GalleryError(f"vectors of {model_id} must all have one dimension: is its model_id right?")


def _check_images(connection: Connection, owners: Sequence[Person], new: Sequence[NewPerson]) -> None:
    """Raise GalleryError for an image that its person has already, or that is given twice for one person."""
    taken = _images_of(connection, {person.id for person in owners})
    for person, one in zip(owners, new, strict=True):
        theirs = taken.setdefault(person.id, set())
        for template in one.templates:
            image = (template.model_id, template.image_sha256)
            if image in theirs:
                raise GalleryError(f"{template.source}: already enrolled for {person.name}")
            theirs.add(image)


def _images_of(connection: Connection, person_ids: Iterable[str]) -> dict[str, set[tuple[str, str]]]:
    """Of each person's templates the model and the image's SHA-256."""
    found: dict[str, set[tuple[str, str]]] = {}
    columns = (templates.c.person_id, templates.c.model_id, templates.c.image_sha256)
    for some in pieces(sorted(person_ids)):
        for owner, model_id, image in connection.execute(select(*columns).where(columns[0].in_(some))):
            found.setdefault(owner, set()).add((model_id, image))
    return found


def _add_templates(connection: Connection, given: Sequence[tuple[Person, NewTemplate]]) -> list[int]:
    """Insert templates and their crops; the labels, in the order given."""
    at = rows.now()
    values = [rows.template_values(person.id, template, at) for person, template in given]
    asked = insert(templates).returning(templates.c.label, sort_by_parameter_order=True)
    labels = [int(label) for label in connection.execute(asked, values).scalars()]
    faces: list[Mapping[str, object]] = [
        {"label": label, **rows.crop_values(template.crop)}
        for label, (_, template) in zip(labels, given, strict=True)
        if template.crop is not None
    ]
    if faces:
        connection.execute(insert(crops), faces)
    return labels
