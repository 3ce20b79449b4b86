"""How long to wait between two tries."""

from __future__ import annotations

import random

FIRST_S = 0.5


class Backoff:
    """Waits that double from half a second up to a limit, each shortened by chance to between its half and all of it.

    The chance keeps cameras that were lost together (a switch that restarts) from all being tried at one moment:
    "equal jitter" of Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, max_s: float, chance: random.Random | None = None) -> None:
        self._max_s = max_s
        self._chance = chance or random.Random()
        self._next_s = min(FIRST_S, max_s)

    def next_s(self) -> float:
        """Seconds to wait now; the next wait is twice as long."""
        wait_s = self._next_s
        self._next_s = min(2.0 * wait_s, self._max_s)
        return wait_s * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin with the shortest wait again."""
        self._next_s = min(FIRST_S, self._max_s)
