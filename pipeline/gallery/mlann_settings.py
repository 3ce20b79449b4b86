"""What can be tuned of ML-ANN, each default with its reason; measured in docs/mlann.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

RIVALS = 8
"""templates most like the one that ends a search early, of other people, that are looked at before it ends"""


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

    def __post_init__(self) -> None:
        if not 0.0 < self.budget <= 1.0:
            raise ValueError(f"budget must be a share above 0 and at most 1, got {self.budget}")
        if self.least < 1 or self.full_up_to < 0:
            raise ValueError(
                f"least must be at least 1 and full_up_to 0, got {self.least} and {self.full_up_to}"
            )
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"alpha must be a share, got {self.alpha}")

    def most(self, size: int, cost: int = 0) -> int:
        """Distances that a search of `size` templates may compute; `cost` of them are to references."""
        if self.budget == 1.0:
            return size + cost
        return max(self.least, math.ceil(self.budget * size))
