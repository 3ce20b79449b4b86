"""What can be tuned of ML-ANN, each default with its reason; measured in docs/mlann.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

RIVALS = 8
"""templates most like the one that ends a search early, of other people, that are looked at before it ends"""

FAMILIAR = 0.25
"""share of the templates that have somebody else as near as a probe may be to be taken for its hint: a hint that is
wrong was found by a search too, and so is as near as nearest strangers are"""

REACH = 0.1
"""squared L2 beyond the distance for names that rivals are looked for by a search with a hint; more than the margin"""

LIKELY_REST = 0.7
"""cosine of what is not known yet of probe and template, with a hint: that of two photos of one person (0.68)"""


@dataclass(frozen=True, slots=True)
class Settings:
    """How many distances a search may compute, and when it may end before."""

    budget: float = 0.05
    """share of the templates, references and warm check included; 1: no limit, and the answer is exact's"""
    least: int = 50
    """distances that a search may always compute: a smaller gallery is searched whole"""
    full_up_to: int = 2048
    """templates whose similarities are all kept, 16 MiB of them; with more, references are chosen. There 5 % is
    enough for the references that the default model needs and some candidates"""
    alpha: float = 0.01
    """share of the templates that may have somebody else nearer than the early stop; the author's"""

    warm_budget: float = 0.015
    """share of the templates for a probe that is near its hint, though not so near that the search ends"""
    warm_least: int = 16
    """and what such a search may always compute"""

    def __post_init__(self) -> None:
        if not 0.0 < self.budget <= 1.0:
            raise ValueError(f"budget must be a share above 0 and at most 1, got {self.budget}")
        if not 0.0 < self.warm_budget <= self.budget or not 0 < self.warm_least <= self.least:
            raise ValueError(
                f"a warm start must be given something, and not more than others: got {self.warm_budget} of "
                f"{self.budget} and {self.warm_least} of {self.least}"
            )
        if self.full_up_to < 0:
            raise ValueError(f"full_up_to must not be negative, got {self.full_up_to}")
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"alpha must be a share, got {self.alpha}")

    def most_warm(self, size: int) -> int:
        """Distances that a search of `size` templates may compute whose probe is near its hint."""
        return max(self.warm_least, math.ceil(self.warm_budget * size))

    def most(self, size: int, cost: int = 0) -> int:
        """Distances that a search of `size` templates may compute; `cost` of them are to references."""
        if self.budget == 1.0:
            return size + cost
        return max(self.least, math.ceil(self.budget * size))
