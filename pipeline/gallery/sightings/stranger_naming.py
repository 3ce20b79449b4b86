"""A stranger gets a name: templates of the vectors that stand for them, and all their past sightings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, select, update

from pipeline.arrays import F32, I64
from pipeline.errors import GalleryError
from pipeline.gallery.agreement import distances_between
from pipeline.gallery.comparable import Comparable, beside
from pipeline.gallery.names import clean_name
from pipeline.gallery.sightings.sighting_places import nearest, vectors_of
from pipeline.gallery.sightings.sighting_records import (
    NamedStranger,
    Stranger,
    StrangerChangeKind,
    StrangerState,
)
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces
from pipeline.gallery.sightings.stranger_history import StrangerHistory
from pipeline.gallery.storage import additions, rows
from pipeline.gallery.storage.records import NewPerson, NewTemplate, Person
from pipeline.gallery.storage.tables import sightings, strangers, templates
from pipeline.gallery.vectors import from_bytes, stacked

_CANDIDATES = 64
"""vectors looked at, the best ones: few stand for a stranger, and only where none does there may be more"""


@dataclass(frozen=True, slots=True)
class NamingRules:
    """Which vectors become templates, and when a name that is there already may be meant."""

    max_distance: float
    """squared L2; a stranger who is nowhere nearer to the person of that name is hardly them"""
    min_quality: float
    """vectors of worse sightings become templates only where there is no better one"""
    max_templates: int
    """made of one model's vectors"""
    most: int | None = None
    """templates of a model that a person may have; what says the least goes beyond it. None: any number"""
    force: bool = False
    """join the person of that name however far away they are"""
    comparable: Comparable = ()
    """models whose vectors may be compared with each other; those of others only with their own"""


def name_stranger(
    connection: Connection, history: StrangerHistory, who: Stranger, name_or_id: str, rules: NamingRules
) -> NamedStranger:
    """Make this stranger the person of this name or id, who is made if there is nobody of this name.

    Raises GalleryError for a name that cannot be used, for a stranger of whom no vector is kept where a person would
    have to be made of it, and for a person whom the stranger does not resemble, unless `rules.force`.
    """
    chosen = _chosen(connection, who, rules)
    there = rows.find(connection, name_or_id)
    distance = None
    if there is not None:
        distance = _nearest(connection, there, chosen, rules.comparable)
        _check_resemblance(who, there, distance, rules)
        chosen = _new_to(connection, there, chosen)
    elif not chosen:
        name = clean_name(name_or_id)
        raise GalleryError(
            f"{who.id} has no vector that {name!a} could be recognised by: enroll a photo first, then name them "
            "with --force"
        )
    person = there
    redundant: tuple[int, ...] = ()
    if chosen:
        (enrolled,) = additions.add(connection, [NewPerson(name_or_id, tuple(chosen))], rules.most)
        person, redundant = enrolled.person, enrolled.redundant
    assert person is not None
    moved = _hand_over(connection, history, who, person, rules.comparable)
    return NamedStranger(who.id, person, there is None, len(chosen), moved, distance, redundant)


def most_different(vectors: F32, qualities: F32, count: int) -> I64:
    """Rows of the best vector (N, D) and then, one by one, of the vector farthest from those taken: `count` at most.

    Gonzalez's farthest-first traversal ("Clustering to minimize the maximum intercluster distance", 1985).
    """
    if not len(vectors):
        return np.zeros(0, np.int64)
    taken = [int(np.argmax(qualities))]
    apart = distances_between(vectors, vectors)
    while len(taken) < min(count, len(vectors)):
        left = apart[:, taken].min(axis=1)
        left[taken] = -1.0
        taken.append(int(np.argmax(left)))
    return np.array(taken, np.int64)


def _chosen(connection: Connection, who: Stranger, rules: NamingRules) -> list[NewTemplate]:
    """Templates of the best and most different vectors that stand for a stranger; of any, where none does."""
    columns = (sightings.c.sighting_id, sightings.c.model_id, sightings.c.quality, sightings.c.vector)
    asked = (
        select(*columns)
        .where(sightings.c.stranger_id == who.id, sightings.c.vector.is_not(None))
        .order_by(sightings.c.quality.desc(), sightings.c.label)
        .limit(_CANDIDATES)
    )
    found = connection.execute(asked.where(sightings.c.stands)).all() or connection.execute(asked).all()
    # One recording that was played as two cameras gives the very same vector twice.
    different = list({row.vector: row for row in reversed(found)}.values())[::-1]
    found = [row for row in different if row.quality >= rules.min_quality] or different[:1]
    chosen = []
    for model_id in sorted({row.model_id for row in found}):
        of_model = [row for row in found if row.model_id == model_id]
        qualities = np.array([row.quality for row in of_model], np.float32)
        best = most_different(
            stacked([row.vector for row in of_model], "sightings"), qualities, rules.max_templates
        )
        rows = (of_model[place] for place in best.tolist())
        chosen += [template_of(row, image=row.vector) for row in rows]
    return chosen


def template_of(row: AnyRow, image: bytes) -> NewTemplate:
    """The vector that is kept with a sighting, as a template; `image` stands for the photo that there is not.

    Without a crop: what a camera kept of the sighting is a picture for people.
    """
    return NewTemplate(
        model_id=row.model_id,
        vector=from_bytes(row.vector),
        quality=row.quality,
        source=f"sighting {row.sighting_id}",
        image_sha256=hashlib.sha256(image).hexdigest(),
    )


def _check_resemblance(who: Stranger, person: Person, distance: float | None, rules: NamingRules) -> None:
    """Raise GalleryError where the stranger is hardly this person, and nobody insists."""
    if rules.force or (distance is not None and distance < rules.max_distance):
        return
    why = (
        "there is nothing to compare them by"
        if distance is None
        else f"{who.id} is {distance:.2f} away from them, and {rules.max_distance:.2f} is the limit"
    )
    raise GalleryError(
        f"somebody is called {person.name} already ({person.id}), and {why}; "
        "give another name, or --force if it is them"
    )


def _nearest(
    connection: Connection, person: Person, chosen: Sequence[NewTemplate], comparable: Comparable
) -> float | None:
    """Squared L2 between the nearest two of a person's templates and these; None with nothing to compare."""
    found = []
    for model_id in {one.model_id for one in chosen}:
        theirs = vectors_of(connection, person.id, beside(model_id, comparable))
        ours = np.stack([one.vector for one in chosen if one.model_id == model_id])
        if len(theirs):
            found.append(float(distances_between(ours, theirs).min()))
    return min(found, default=None)


def _new_to(connection: Connection, person: Person, chosen: Sequence[NewTemplate]) -> list[NewTemplate]:
    """Those that the person does not have yet."""
    asked = select(templates.c.image_sha256).where(templates.c.person_id == person.id)
    had = set(connection.execute(asked).scalars())
    return [one for one in chosen if one.image_sha256 not in had]


def _hand_over(
    connection: Connection, history: StrangerHistory, who: Stranger, person: Person, comparable: Comparable
) -> int:
    """Make the stranger's sightings the person's, a correction due for each; how many."""
    theirs = sightings.c.stranger_id == who.id
    _measure(connection, who, person, comparable)
    standing = select(sightings.c.label).where(theirs, sightings.c.stands).order_by(sightings.c.label)
    for label in connection.execute(standing).scalars():
        history.note(StrangerChangeKind.VECTOR_REMOVED, who.id, label)
    history.note(StrangerChangeKind.STRANGER_NAMED, who.id)
    moved = (
        update(sightings)
        .where(theirs)
        .values(
            person_id=person.id,
            stranger_id=None,
            stands=False,
            seq=sightings.c.seq + 1,
            gallery_version=rows.version(connection),
        )
    )
    count = connection.execute(moved).rowcount
    named = update(strangers).where(strangers.c.id == who.id)
    connection.execute(named.values(state=StrangerState.NAMED.value, person_id=person.id))
    return count


def _measure(connection: Connection, who: Stranger, person: Person, comparable: Comparable) -> None:
    """Put into each of the stranger's sightings how far it is from the person, as they are now."""
    columns = (sightings.c.label, sightings.c.model_id, sightings.c.vector)
    asked = select(*columns).where(sightings.c.stranger_id == who.id).order_by(sightings.c.label)
    known: dict[str, F32] = {}
    found = connection.execute(asked).all()
    for row in found:
        if row.model_id not in known:
            models = beside(row.model_id, comparable)
            known[row.model_id] = vectors_of(connection, person.id, models)
    set_distance = (
        update(sightings)
        .where(sightings.c.label == bindparam("of_label"))
        .values(distance=bindparam("to_person"))
    )
    for piece in pieces(found):
        connection.execute(
            set_distance,
            [
                {
                    "of_label": row.label,
                    "to_person": None
                    if row.vector is None
                    else nearest(from_bytes(row.vector), known[row.model_id]),
                }
                for row in piece
            ],
        )
