"""The last stage: puts a replay's events in order, says which stranger each is, and hands them to the sinks."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.events.event import IdentityEvent
from pipeline.events.merge import PtsMerge
from pipeline.events.sink import EventSink
from pipeline.events.stage import Outcome
from pipeline.events.strangers.strangers import StrangerIds, Told
from pipeline.stage import StageBase
from pipeline.types import StreamEnd

PTS_SLACK_S = 1e-6
"""room for rounding in the promise that no event older than gap_s comes"""

MOST_TRIES = 2
"""of telling a sink; an event that no restart of this stage makes tellable must not hold up all others for ever"""

log = logging.getLogger(__name__)

Observe = Callable[[Outcome], None]


@dataclass(slots=True)
class _Owed:
    """Events that not every sink has been told of yet."""

    events: Sequence[IdentityEvent]
    """as the books stated them"""
    told: Told | None = None
    """as the sinks are told of them; None: not known yet"""
    sinks: int = 0
    """that know them, the first ones"""
    tries: int = 0
    """of the step that raised: saying what is told, or telling the next sink"""


class PublishingStage(StageBase[Outcome, None]):
    """Publishes to every sink, in the order given.

    With a merge (a plain replay) events wait until no camera can send an earlier one; without (live, or a
    replay in real time) they go out as they come.

    What a sink did not take is told again before anything else is, when this stage was started again: no event is
    lost with the frame that it was stated in, no sink is told twice, and their order stays.
    """

    name = "publish"

    def __init__(
        self,
        sinks: Sequence[EventSink],
        merge: PtsMerge | None,
        gap_s: float,
        observers: Sequence[Observe] = (),
        strangers: StrangerIds | None = None,
    ) -> None:
        """`gap_s` is how far back an event may speak of; observers see every outcome before its events go out.

        Without `strangers` every unknown face has an id of its own, and no sighting is kept.
        """
        self._sinks = sinks
        self._merge = merge
        self._gap_s = gap_s
        self._observers = observers
        self._strangers = strangers
        self._opened: list[EventSink] = []
        self._owed: deque[_Owed] = deque()

    def open(self) -> None:
        if self._strangers is not None:
            self._strangers.open()
        for sink in self._sinks:
            sink.open()
            self._opened.append(sink)

    def process(self, batch: Sequence[Outcome]) -> Sequence[None]:
        if self._strangers is not None:
            self._strangers.learn()
        due: list[IdentityEvent] = []
        for outcome in batch:
            due += self._ordered(outcome)
        self._owe(due)
        for outcome in batch:
            for observe in self._observers:
                observe(outcome)
        self._work_off()
        return ()

    def end(self, end: StreamEnd) -> Sequence[None]:
        """After a pause the others go on waiting for this camera's events, where all are told in one order."""
        if self._merge is not None and not end.pause:
            self._owe(self._merge.finish(end.camera))
        self._work_off()
        # With a merge its events may still wait for other cameras, and what they say hangs on those before them.
        if self._strangers is not None and self._merge is None and not end.pause:
            self._strangers.leave(end.camera)
        return ()

    def lost(self, camera: str) -> None:
        """The frame is counted as lost; its events are not, unless a sink has refused them as often as it may."""
        owed = self._owed[0] if self._owed else None
        if owed is None or owed.tries < MOST_TRIES:
            return
        first, owed.tries = owed.events[0], 0
        if owed.told is None:
            log.error("%s#%d is told of as its book states it", first.sighting_id, first.seq)
            owed.told = Told(tuple(owed.events), ())
        else:
            count = len(owed.told.events)
            log.error(
                "%d events from %s#%d on: a sink is not told of them", count, first.sighting_id, first.seq
            )
            owed.sinks += 1

    def close(self) -> None:
        if self._owed:
            log.warning("%d events wait to be told", sum(len(owed.events) for owed in self._owed))
        while self._opened:
            self._opened.pop().close()
        if self._strangers is not None:
            self._strangers.close()

    def _ordered(self, outcome: Outcome) -> list[IdentityEvent]:
        if self._merge is None:
            return list(outcome.events)
        due = self._merge.push(outcome.camera, outcome.events)
        horizon_s = outcome.info.pts_s - self._gap_s - PTS_SLACK_S
        return due + self._merge.advance(outcome.camera, horizon_s)

    def _owe(self, events: Sequence[IdentityEvent]) -> None:
        if events:
            self._owed.append(_Owed(events))

    def _work_off(self) -> None:
        while self._owed:
            owed = self._owed[0]
            owed.tries += 1
            if owed.told is None:
                strangers = self._strangers
                owed.told = Told(tuple(owed.events), ()) if strangers is None else strangers.tell(owed.events)
                owed.tries = 1
            for sink in self._sinks[owed.sinks :] if owed.told.events else ():
                sink.publish(owed.told.events)
                owed.sinks, owed.tries = owed.sinks + 1, 1
            if self._strangers is not None:
                self._strangers.keep(owed.told)
            self._owed.popleft()
