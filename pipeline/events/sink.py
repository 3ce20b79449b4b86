"""Where events go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.events.event import IdentityEvent


class EventSink(Protocol):
    """Takes events in the order in which they are to be told.

    One thread calls it: `open` first, `publish` any number of times, `close` last, also after an error.
    """

    def open(self) -> None:
        """Acquire what is needed; raises BrokerError where it cannot be had."""
        ...

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Tell these events, all of them or, raising, none; an empty batch is allowed and does nothing.

        Raises EventFormatError for an event that breaks the contract, BrokerError where it cannot be told,
        RuntimeError when the sink is not open.
        """
        ...

    def close(self) -> None:
        """Release what `open` acquired; what was published stays. Never raises, may be called twice."""
        ...
