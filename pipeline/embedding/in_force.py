"""Which embedders crops are given to now: one for good, or what a run in real time is changed to while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.embedding.embedder import Embedder
from pipeline.stage import Reopen


@dataclass(frozen=True, slots=True)
class Seeing:
    """An embedder, and how large its crops are."""

    embedder: Embedder
    side_px: int | None = None
    """of its input; None: crops are given as they come"""


@dataclass(frozen=True, slots=True)
class InForce:
    """What a batch is embedded by."""

    serving: Seeing
    older: Seeing | None = None
    """besides, where people are left behind whom it alone knows: a face then costs two embeddings"""


class Embedders(Protocol):
    """What the embedding stage asks before each batch."""

    def now(self) -> InForce:
        """What the next batch is embedded by. One thread asks; what it was told before it does not use any more."""
        ...

    def reopen(self) -> None:
        """Make the engines of what was told last anew, after a failure. Raises BackendError."""
        ...


class OneEmbedder:
    """The embedder of a run whose model stays. Implements `Embedders`."""

    def __init__(self, embedder: Embedder, reopen: Reopen | None = None, older: Seeing | None = None) -> None:
        """`reopen` makes its engine anew; None: it stays as it is. `older`: for those who are left behind."""
        self._now = InForce(Seeing(embedder), older)
        self._reopen = reopen

    def now(self) -> InForce:
        """Always the same."""
        return self._now

    def reopen(self) -> None:
        """See `Embedders`."""
        if self._reopen is not None:
            self._reopen()
