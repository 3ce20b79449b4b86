"""The numbered history of the gallery, as writers continue it: what replicas follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import CHANGES, change_counter, changes


@dataclass(frozen=True, slots=True)
class Happened:
    """A change that has no number yet."""

    kind: ChangeKind
    person_id: str
    label: int | None = None
    """the template, where it is about one"""


def note(connection: Connection, happened: Sequence[Happened]) -> int:
    """Number these changes, at least one, and keep them; the last number, which is the gallery's version then.

    The counter's row stays locked until the commit, as the whole database is for other writers
    (`Database.writing`): nobody sees change 8 before change 7, and a transaction that fails gives its numbers back.
    """
    counter = update(change_counter).where(change_counter.c.id == CHANGES)
    taken = counter.values(seq=change_counter.c.seq + len(happened)).returning(change_counter.c.seq)
    last = int(connection.execute(taken).scalar_one())
    first = last - len(happened) + 1
    connection.execute(
        insert(changes),
        [
            {"seq": seq, "kind": one.kind.value, "person_id": one.person_id, "label": one.label}
            for seq, one in enumerate(happened, first)
        ],
    )
    return last


def merged_into(connection: Connection, person_ids: Iterable[str]) -> Mapping[str, str]:
    """Those of these people who were merged, and into whom, followed to the end; who may be forgotten by now.

    For what was begun before the merge and is kept after it, as a sighting. The change before PERSON_MERGED is of the
    same transaction, and about the other person (`merge`). It reads the whole history: ask for those only who are gone.
    """
    merged, before = changes.alias("merged"), changes.alias("before")
    asked = (
        select(merged.c.person_id, before.c.person_id.label("into"))
        .join_from(merged, before, before.c.seq == merged.c.seq - 1)
        .where(merged.c.kind == ChangeKind.PERSON_MERGED.value)
    )
    into: dict[str, str] = {row.person_id: row.into for row in connection.execute(asked)}
    found: dict[str, str] = {}
    for person_id in person_ids:
        last = person_id
        while last in into:
            last = into[last]
        if last != person_id:
            found[person_id] = last
    return found
