"""Several sets as one: the rows of the first, then those of the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from engines.arrays import I64
from engines.training.sources import FaceSource


class JoinedSource:
    """A `FaceSource` made of others, which number their people alike. Thread-safe, as they are."""

    def __init__(self, parts: Sequence[FaceSource]) -> None:
        """At least one part."""
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(len(part.people) for part in parts)])
        self.people: I64 = np.concatenate([part.people for part in parts])
        self.fingerprint = sha256("\n".join(part.fingerprint for part in parts).encode()).hexdigest()

    def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
        """As `FaceSource.inputs`."""
        return self._gathered(rows, lambda part, own: part.inputs(own, random))

    def plain(self, rows: I64) -> Tensor:
        """As `FaceSource.plain`."""
        return self._gathered(rows, lambda part, own: part.plain(own))

    def _gathered(self, rows: I64, ask: Callable[[FaceSource, I64], Tensor]) -> Tensor:
        """Each part's rows in one call, put back in the order that was asked for."""
        owners = np.searchsorted(self._starts, rows, side="right") - 1
        places, answers = [], []
        for owner in np.unique(owners).tolist():
            mine = np.flatnonzero(owners == owner)
            places.append(mine)
            answers.append(ask(self._parts[owner], rows[mine] - self._starts[owner]))
        order = torch.from_numpy(np.argsort(np.concatenate(places)))
        return torch.cat(answers)[order]
