"""Watchlists that are searched and name nobody: a line in the log for each, once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pipeline.gallery.memory.answer import Answer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """What was wrong in the answer before."""

    unknown: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()


NOTHING = _Told()


class ListTroubles:
    """What is told of, by who asked: a line when it begins, and another when it begins again."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def tell(self, who: str, watchlists: frozenset[str], answer: Answer) -> None:
        """Look at the answer to what somebody, as `camera door`, asked of these lists."""
        before = self._told.get(who, NOTHING)
        if not (answer.unknown or answer.empty) and before is NOTHING:
            return
        now = _Told(watchlists.intersection(answer.unknown), watchlists.intersection(answer.empty))
        for name in sorted(now.unknown - before.unknown):
            logger.warning(
                "%s: there is no watchlist %r, and nobody is named by it; 'watchlists create' begins one",
                who,
                name,
            )
        for name in sorted(now.empty - before.empty):
            logger.warning(
                "%s: nobody on the watchlist %r can be found, and nobody is named by it; 'watchlists add' puts people "
                "on it",
                who,
                name,
            )
        if now == NOTHING:
            self.forget(who)
        else:
            self._told[who] = now

    def forget(self, who: str) -> None:
        """This one will not ask again."""
        self._told.pop(who, None)
