"""Entries of a stream that a reader will never see, found by the numbers that the others have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that should have come before an entry, and are gone: the stream was trimmed, or a spool was full."""

    stream: str
    before: str
    """id of the entry"""
    missed: int | None
    """how many; None: nobody can say"""

    def __str__(self) -> str:
        count = "an unknown number of" if self.missed is None else self.missed
        return (
            f"{count} events of {self.stream} are missing before {self.before}: dropped before they were read"
        )


class Numbers:
    """Follows the numbers (`n`) of the entries that one reader sees, all of them in order."""

    def __init__(self) -> None:
        self.last: int | None = None
        """number of the last entry; None: not known"""

    def missed(self, fields: Mapping[bytes, bytes]) -> int:
        """How many entries are missing between the last one and this one, which is the last one now.

        None are where that cannot be known: entries without a number are older than the numbers, and one that is not
        above the last is of a server that lost some, or of another, and begins anew.
        """
        n = number_of(fields)
        if n is None:
            return 0
        last, self.last = self.last, n
        return n - last - 1 if last is not None and n > last else 0


def number_of(fields: Mapping[bytes, bytes]) -> int | None:
    """The entry's number; None where it has none."""
    text = fields.get(b"n", b"")
    return int(text) if text.isdigit() else None
