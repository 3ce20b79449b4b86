"""Telling subscribers of past sightings that were corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.clock import SystemClock
from pipeline.commands.context import Context
from pipeline.errors import BrokerError, OutsideError

if TYPE_CHECKING:
    from pipeline.gallery.storage.store import Store


def publish_waiting(context: Context, store: Store) -> int:
    """Publish every correction that waits, also those of earlier commands; how many events.

    Redis is not asked where none waits. Raises BrokerError; what was not published then still waits.
    """
    from pipeline.gallery.sightings.sightings import Sightings

    sightings = Sightings(store.database)
    if not sightings.due(count=1):
        return 0
    from pipeline.assemble.publishing import redis_sink
    from pipeline.events.corrections import publish_due

    return publish_due(sightings, redis_sink(context.config, context.data), SystemClock().now())


def publish_made(context: Context, store: Store) -> None:
    """`publish_waiting` at the end of a command that made corrections, and a word on how many there were.

    Raises OutsideError without Redis: the command's work is done all the same.
    """
    try:
        count = publish_waiting(context, store)
    except BrokerError as error:
        raise OutsideError(
            f"done, but not told yet: the next command that corrects sightings, or the next run, publishes the "
            f"corrections ({error})"
        ) from error
    if count:
        context.say(f"corrections published: {count}")
