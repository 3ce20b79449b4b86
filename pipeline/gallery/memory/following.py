"""The gallery of a run in real time: what other programs write shows in its answers a moment later.

A thread of its own asks the database a few times a second where its history is, reads what happened, puts new
templates into the index, where no answer shows them yet, and then replaces the view in one step. Searches go on
beside it; docs/decisions/0007-the-gallery-is-polled.md says why it asks, and is not told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Self

from pipeline.arrays import F32, I64
from pipeline.errors import FacestreamError
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.comparable import Comparable
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.catching_up import read_since
from pipeline.gallery.memory.delta import read_position
from pipeline.gallery.memory.early_stop import stop_early
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.view import View
from pipeline.gallery.storage.database import Database
from pipeline.types import GalleryState

QUIET, REST, LONGEST_REST = 4.0, 9.0, 40.0
"""times as long as deriving the distance for names took the last time: so long must nothing have changed, and so long
must it have been, before it is derived again; and however much changes, it is after the longest. In a large gallery
it takes a third of a second of a core, which searches and the linking of new templates need, too"""

GREW_BY = 1.1
"""a gallery with so many times the people has its distance derived before they show: it has become stricter by then"""

LONGEST_WAIT_S = 5.0
"""between two questions to a database that is away: it may be all of a large gallery that is read in vain"""

CLOSE_TIMEOUT_S = 10.0
"""how long `close` waits for a database that does not answer"""

Derive = Callable[[OwnPairs], float]
"""the squared L2 distance below which names are given, from how alike the gallery's people are"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the gallery is followed from."""

    database: Database
    comparable: Comparable
    reload: Callable[[], Replica]
    """reads all of it anew, where its history is not the one that was followed"""


@dataclass(frozen=True, slots=True)
class _Derived:
    """When the distance for names was last derived, and of what."""

    at_s: float
    took_s: float
    view: View


class FollowedGallery:
    """A replica that is kept as the database is. Implements `matching.stage.Search`.

    One thread searches. `start` begins to follow; until then, and where the database cannot be read, answers stay
    what they were.
    """

    def __init__(
        self,
        replica: Replica,
        source: Source,
        derive: Derive,
        follow_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Derive the distance for names of the gallery as it is.

        Args:
            follow_s: seconds between two questions to the database.
        """
        self.replica = replica
        self._source = source
        self._derive = derive
        self._follow_s = follow_s
        self._now = now
        self._changed = Condition()
        self._stopping = Event()
        self._thread: Thread | None = None
        self._trouble: str | None = None
        began = now()
        view = replica.name_below(derive(replica.own_pairs))
        self._derived = _Derived(now(), now() - began, view)
        self._changed_s = now()
        stop_early(replica.index, view.max_distance)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def state(self) -> GalleryState:
        """What answers are made of now."""
        return self.replica.state

    @property
    def problem(self) -> str | None:
        """Why answers stay what they are, in a line; None while the gallery is followed."""
        return self._trouble

    def answer(
        self,
        probes: F32,
        count: int,
        *,
        near: I64 | None = None,
        watchlists: frozenset[str] = EVERYBODY,
        within: str | None = None,
    ) -> Answer:
        """For each probe (Q, D) up to `count` different people, nearest first: see Replica.answer.

        Raises RuntimeError where an error of ours ended the thread that follows: a gallery that only seems to be
        followed names people who were forgotten.
        """
        following = self._thread
        if following is not None and not (following.is_alive() or self._stopping.is_set()):
            raise RuntimeError("the gallery is no longer followed; the reason stands above")
        return self.replica.answer(probes, count, near=near, watchlists=watchlists, within=within)

    def wait_for(self, version: int, timeout_s: float) -> bool:
        """Wait until answers show this version; whether they do."""
        with self._changed:
            return self._changed.wait_for(lambda: self.state.version >= version, timeout_s)

    def start(self) -> None:
        """Begin to follow."""
        if self._thread is not None:
            raise RuntimeError("the gallery is followed already")
        self._thread = Thread(target=self._follow, name="gallery", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following. Answers stay what they are."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                logger.warning("the gallery's database does not answer; no longer waiting for it")
            self._thread = None

    def step(self) -> None:
        """Show what happened since. For the following thread, and for tests without one.

        Raises StoreError, GalleryError; answers are then what they were, and the next step catches up.
        """
        with self._source.database.reading() as connection:
            now = read_position(connection)
        if now == self.replica.view.position:
            self._derive_again()
            return
        delta = read_since(self.replica, self._source.database, self._source.comparable)
        if delta is None:
            self._reload()
            return
        prepared = self.replica.prepare(delta)
        if prepared.view.people > GREW_BY * self._derived.view.people:
            prepared = replace(prepared, view=self._derived_for(self.replica, prepared.view))
        with self.replica.lock:
            self.replica.publish(prepared)
        self._changed_s = self._now()
        self._tell()
        self.replica.drop(prepared)
        self._derive_again()

    def _follow(self) -> None:
        wait_s = self._follow_s
        while not self._stopping.wait(wait_s):
            try:
                self.step()
            except FacestreamError as error:
                self._say(str(error))
                wait_s = min(2.0 * wait_s, max(LONGEST_WAIT_S, self._follow_s))
            else:
                self._say(None)
                wait_s = self._follow_s

    def _reload(self) -> None:
        """The gallery is another than it was: take it as it is now."""
        logger.warning(
            "the gallery was replaced, by a restore or by another database: reading all of it anew"
        )
        replica = self._source.reload()
        replica.view = self._derived_for(replica, replica.view)
        # Also where the distance is the one that was in force: the index is another.
        stop_early(replica.index, replica.view.max_distance)
        self.replica = replica
        self._tell()

    def _derive_again(self) -> None:
        """Derive the distance of the view that is shown, where that is due."""
        view, last, now = self.replica.view, self._derived, self._now()
        if last.view is view:
            return
        rested, quiet = now - last.at_s, now - self._changed_s
        if rested < LONGEST_REST * last.took_s and (
            rested < REST * last.took_s or quiet < QUIET * last.took_s
        ):
            return
        derived = self._derived_for(self.replica, view)
        with self.replica.lock:
            self.replica.view = derived

    def _derived_for(self, replica: Replica, view: View) -> View:
        """The view with the distance for names that follows from it; the one in force where none can be derived."""
        began, in_force = self._now(), self.state.max_distance
        try:
            distance = self._derive(replica.pairs_of(view))
        except FacestreamError as error:
            logger.warning("%s; names are given below %.2f as before", error, in_force)
            distance = in_force
        derived = replace(view, max_distance=distance)
        self._derived = _Derived(self._now(), self._now() - began, derived)
        if distance != in_force:
            stop_early(replica.index, distance)
        return derived

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _say(self, trouble: str | None) -> None:
        """One line when trouble begins, and one when it is over."""
        if trouble is not None and self._trouble is None:
            logger.warning("%s; the gallery stays as it was until then", trouble)
        elif trouble is None and self._trouble is not None:
            logger.warning("the gallery is followed again, at version %d", self.replica.version)
        self._trouble = trouble
