"""The numbered history of the gallery, as writers continue it: what replicas follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, update

from pipeline.gallery.records import ChangeKind
from pipeline.gallery.tables import CHANGES, change_counter, changes


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
