"""Events of a spool that are not on disk yet: for a moment, or for as long as the disk takes none."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.events.spool.spool_record import SpoolRecord


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A record, and since when it waits."""

    record: SpoolRecord
    since_s: float
    """by the monotonic clock"""


class SpoolMemory:
    """A bounded queue whose front is taken, written, and then forgotten or put back. Not for several threads."""

    def __init__(self, most: int) -> None:
        """`most`: events that wait, besides those that are being written."""
        self._most = most
        self._waiting: deque[Unwritten] = deque()
        self._in_hand: Sequence[Unwritten] = ()

    def __len__(self) -> int:
        return len(self._in_hand) + len(self._waiting)

    def put(self, records: Sequence[Unwritten]) -> int:
        """Add records; how many of the oldest had to go for them."""
        self._waiting.extend(records)
        return self._bound()

    def take(self) -> Sequence[Unwritten]:
        """All that waits, to be written; they stay readable until `written`."""
        self._in_hand = tuple(self._waiting)
        self._waiting.clear()
        return self._in_hand

    def written(self) -> None:
        """What was taken is on disk."""
        self._in_hand = ()

    def put_back(self) -> int:
        """What was taken is not on disk; how many of the oldest have to go."""
        self._waiting.extendleft(reversed(self._in_hand))
        self._in_hand = ()
        return self._bound()

    def forget(self, confirmed: int) -> None:
        """Redis has all up to this number: they need not be written."""
        while self._waiting and self._waiting[0].record.number <= confirmed:
            self._waiting.popleft()

    def clear(self) -> int:
        """Forget all; how many."""
        lost = len(self)
        self._waiting.clear()
        self._in_hand = ()
        return lost

    def waiting(self, confirmed: int) -> int:
        """Records above this number."""
        if not self or self.first().record.number > confirmed:
            return len(self)
        return sum(each.record.number > confirmed for each in self._all())

    def first(self) -> Unwritten:
        """The oldest. Raises StopIteration for an empty queue."""
        return next(iter(self._all()))

    def read(self, after: int, count: int) -> Sequence[SpoolRecord]:
        """Records above a number, `count` at most."""
        found = []
        for each in self._all():
            if each.record.number > after:
                found.append(each.record)
            if len(found) == count:
                break
        return found

    def _all(self) -> chain[Unwritten]:
        return chain(self._in_hand, self._waiting)

    def _bound(self) -> int:
        lost = max(len(self._waiting) - self._most, 0)
        for _ in range(lost):
            self._waiting.popleft()
        return lost
