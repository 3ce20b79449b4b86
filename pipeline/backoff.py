"""How long to wait between two tries of something outside."""

from __future__ import annotations

import random


class Backoff:
    """Waits that double up to a limit, each shortened by chance to between its half and all of it.

    The chance keeps what was lost together (cameras behind a switch that restarts, programs on one server) from all
    being tried at one moment: "equal jitter" of Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, first_s: float, most_s: float, chance: random.Random | None = None) -> None:
        """`first_s` is shortened to `most_s` where it is longer."""
        self._first_s = min(first_s, most_s)
        self._most_s = most_s
        self._chance = chance or random.Random()
        self._next_s = self._first_s

    def next_s(self) -> float:
        """Seconds to wait now; the next wait is twice as long."""
        wait_s, self._next_s = self._next_s, min(2.0 * self._next_s, self._most_s)
        return wait_s * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: begin with the shortest wait again."""
        self._next_s = self._first_s
