"""How long steps report how far they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step on one model is."""

    model: str
    step: str
    """a participle: fetching, verifying, building"""
    done: int
    total: int
    """in bytes while fetching and verifying, else in parts; 0 when not known"""


OnProgress = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Report to nobody."""
