"""How long to wait before something outside is tried again."""

from __future__ import annotations

import random


class Backoff:
    """Waits that grow twofold up to a limit, each shortened by chance by up to half.

    By chance, so that programs that lost the same server at the same moment do not all come back at one.
    """

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def next_s(self) -> float:
        """The wait before the next try."""
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._most_s)
        return wait_s * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: begin with the first wait again."""
        self._next_s = self._first_s
