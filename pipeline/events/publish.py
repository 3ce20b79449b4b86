"""The last stage: puts a replay's events in order, says which stranger each is, and hands them to the sinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.events.event import IdentityEvent
from pipeline.events.merge import PtsMerge
from pipeline.events.sink import EventSink
from pipeline.events.stage import Outcome
from pipeline.events.strangers import StrangerIds
from pipeline.stage import StageBase
from pipeline.types import StreamEnd

PTS_SLACK_S = 1e-6
"""room for rounding in the promise that no event older than gap_s comes"""

Observe = Callable[[Outcome], None]


class PublishingStage(StageBase[Outcome, None]):
    """Publishes to every sink, in the order given.

    With a merge (a plain replay) events wait until no camera can send an earlier one; without (live, or a
    replay in real time) they go out as they come.
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
            for observe in self._observers:
                observe(outcome)
            due += self._ordered(outcome)
        self._publish(due)
        return ()

    def end(self, end: StreamEnd) -> Sequence[None]:
        """After a pause the others go on waiting for this camera's events, where all are told in one order."""
        if self._merge is not None and not end.pause:
            self._publish(self._merge.finish(end.camera))
        return ()

    def close(self) -> None:
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

    def _publish(self, events: Sequence[IdentityEvent]) -> None:
        if self._strangers is None:
            self._tell(events)
        elif events:
            told = self._strangers.tell(events)
            self._tell(told.events)
            self._strangers.keep(told)

    def _tell(self, events: Sequence[IdentityEvent]) -> None:
        if events:
            for sink in self._sinks:
                sink.publish(events)
