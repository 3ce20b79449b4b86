"""Whose each template is, what people are called and which watchlists they are on, for a million templates.

No Python object a template: labels and owners are arrays. A person is a number, given in order of appearance and
never given twice, and two strings in lists: nothing that the garbage collector would have to walk through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import I64, Bools, check_array, check_rows
from pipeline.types import Candidate, Watchlist

NOBODY = -1
_SLICE = 8192
"""people handled in one go where a thread that searches waits for the interpreter: less than a millisecond"""

Ids = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose each template is, at one version; a changed one is another value."""

    labels: I64
    """(N,) ascending"""
    owners: I64
    """(N,) numbers of people"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("owners", self.owners, np.int64, ("N",))
        check_rows(len(self.labels), owners=self.owners)

    @classmethod
    def none(cls) -> Self:
        """No templates."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def owner_of(self, labels: I64) -> I64:
        """Numbers of the people whom these templates, of any shape, belong to; NOBODY for unknown ones."""
        rows = self._rows_of(labels)
        return np.where(rows == NOBODY, NOBODY, self.owners[rows]) if len(self) else rows

    def owned_by(self, numbers: I64) -> I64:
        """Labels of all templates of these people, ascending."""
        return self.labels[self._are(numbers)]

    def without(self, labels: I64) -> Self:
        """All but these templates, whether they are here or not."""
        rows = self._rows_of(labels)
        rows = rows[rows != NOBODY]
        if not len(rows):
            return self
        kept = np.ones(len(self), np.bool_)
        kept[rows] = False
        return type(self)(self.labels[kept], self.owners[kept])

    def with_templates(self, labels: I64, owners: I64) -> Self:
        """With these templates (M,) as well, in ascending order: new ones are added, known ones change hands."""
        if not len(labels):
            return self
        rows = self._rows_of(labels)
        known, new = rows != NOBODY, rows == NOBODY
        changed = self.owners
        if known.any():
            changed = self.owners.copy()
            changed[rows[known]] = owners[known]
        if not new.any():
            return type(self)(self.labels, changed)
        at = np.searchsorted(self.labels, labels[new])
        if at[0] == len(self):  # the rule: labels are never given twice, so new ones are the largest
            return type(self)(
                np.concatenate((self.labels, labels[new])), np.concatenate((changed, owners[new]))
            )
        return type(self)(np.insert(self.labels, at, labels[new]), np.insert(changed, at, owners[new]))

    def counts(self, people: int) -> I64:
        """Templates of each of so many people."""
        return np.bincount(self.owners, minlength=people)

    def _rows_of(self, labels: I64) -> I64:
        """The row of each of these templates, of any shape; NOBODY for unknown ones."""
        if not len(self):
            return np.full(labels.shape, NOBODY, np.int64)
        at = np.minimum(np.searchsorted(self.labels, labels), len(self) - 1)
        return np.where(self.labels[at] == labels, at, NOBODY)

    def _are(self, numbers: I64) -> Bools:
        """(N,) whether a template is of one of these people."""
        size = int(max(self.owners.max(initial=NOBODY), numbers.max(initial=NOBODY))) + 1
        asked = np.zeros(size, np.bool_)
        asked[numbers] = True
        return asked[self.owners]


class Roster(Mapping[str, str]):
    """Names by id of everybody, also of those without a template. One thread changes it, under the replica's lock."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._names: list[str] = []
        self._number_of: dict[str, int] = {}
        self._lists_of: dict[int, tuple[Watchlist, ...]] = {}
        self._members: dict[str, I64] = {}
        """by list, as far as somebody asked since lists changed"""
        self.watchlists: tuple[Watchlist, ...] = ()
        """all there are, in order of name"""

    def __len__(self) -> int:
        return len(self._number_of)

    def __iter__(self) -> Iterator[str]:
        return iter(self._number_of)

    def __getitem__(self, person_id: str) -> str:
        return self._names[self._number_of[person_id]]

    @property
    def numbers(self) -> int:
        """How many have been given; those of people who are gone stay empty."""
        return len(self._ids)

    def number(self, person_id: str) -> int:
        """The number of somebody; NOBODY where nobody has this id."""
        return self._number_of.get(person_id, NOBODY)

    def numbers_of(self, person_ids: Sequence[str]) -> I64:
        """(N,) the number of each; NOBODY where nobody has the id."""
        find = self._number_of.get
        return np.fromiter((find(one, NOBODY) for one in person_ids), np.int64, len(person_ids))

    @property
    def ids(self) -> Sequence[str]:
        """By number, also of people who are gone."""
        return self._ids

    def candidate(self, number: int, distance: float, label: int) -> Candidate:
        """A person by number, so far away at this template."""
        name, lists = self._names[number], self._lists_of.get(number, ())
        return Candidate(self._ids[number], name, distance, label, lists)

    def add(self, names: Mapping[str, str]) -> None:
        """Learn people by id, or new names of known ones."""
        for person_id, name in names.items():
            number = self._number_of.setdefault(person_id, len(self._ids))
            if number == len(self._ids):
                self._ids.append(person_id)
                self._names.append(name)
            else:
                self._names[number] = name

    def remove(self, person_ids: Sequence[str]) -> None:
        """Let go of people who are gone, known or not."""
        for person_id in person_ids:
            number = self._number_of.pop(person_id, NOBODY)
            if number != NOBODY:
                self._names[number] = ""
                self._put(number, ())

    def set_lists(self, lists: Mapping[str, tuple[Watchlist, ...]]) -> None:
        """By id, which lists people are on now, in order of name; whoever is not there is passed over."""
        for person_id, theirs in lists.items():
            number = self.number(person_id)
            if number != NOBODY:
                self._put(number, theirs)

    def clear_lists(self) -> None:
        """Nobody is on a list."""
        self._lists_of.clear()
        self._members.clear()

    def members(self, watchlist: str) -> I64:
        """Numbers of the people on this list, ascending."""
        known = self._members.get(watchlist)
        if known is None:
            on_it = (n for n, lists in self._lists_of.items() if any(one.name == watchlist for one in lists))
            known = self._members[watchlist] = np.array(sorted(on_it), np.int64)
        return known

    def _put(self, number: int, lists: tuple[Watchlist, ...]) -> None:
        """This person is on these lists now."""
        if self._lists_of.get(number, ()) == lists:
            return
        self._members.clear()
        if lists:
            self._lists_of[number] = lists
        else:
            del self._lists_of[number]

    def in_order_of_id(self) -> I64:
        """Numbers of everybody, also of those who are gone, in order of id."""
        if not self._ids:
            return np.zeros(0, np.int64)
        parts: list[Ids] = [
            np.array(self._ids[start : start + _SLICE], np.bytes_)
            for start in range(0, len(self._ids), _SLICE)
        ]
        return np.argsort(np.concatenate(parts), kind="stable").astype(np.int64, copy=False)
