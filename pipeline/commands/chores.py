"""What a run does before it begins, and a live one again every day: erase what is kept too long, tell corrections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pipeline.clock import SystemClock
from pipeline.commands.context import Context
from pipeline.commands.waiting_corrections import publish_waiting

if TYPE_CHECKING:
    from pipeline.assemble.recognition import Recognition
    from pipeline.gallery.storage.store import Store

log = logging.getLogger(__name__)


def do_chores(context: Context, store: Store) -> None:
    """Retention, and corrections that an earlier command could not publish; says in the log what was done.

    Raises StoreError, BrokerError.
    """
    erase_what_is_due(context, store)
    told = publish_waiting(context, store)
    if told:
        log.info("corrections of past sightings published: %d", told)


def erase_what_is_due(context: Context, store: Store) -> None:
    """Retention; says in the log what was done.

    What of a person cannot be reached, a backup on a disk that is not there, is named and does not stop the run.
    Raises StoreError.
    """
    from pipeline.assemble.retention import retention_rules
    from pipeline.gallery.keeping.retention import expire

    done = expire(store.database, context.data, retention_rules(context.config), SystemClock().now())
    erased = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in done.counts.items() if count)
    if erased:
        log.info("past their time, erased: %s", erased)
    for line in done.left:
        log.warning("past their time, and left: %s", line)


def learn_seen_again(context: Context, store: Store, recognition: Recognition) -> None:
    """Make templates of sightings of people who are left behind; says in the log and the audit file of whom.

    Raises StoreError, GalleryError.
    """
    from pipeline.gallery.keeping.audit import AuditLine, note
    from pipeline.gallery.upgrade.seen_again import learn_seen_again as learn

    for one in learn(store, recognition.comparable, context.config.enrolment.min_quality):
        log.info(
            "%s was seen again (%s, distance %.2f, quality %.2f), and is known by %s from now on",
            *(one.name, one.sighting_id, one.distance, one.quality, recognition.model_id),
        )
        note(context.data, AuditLine("seen again", person=one.person_id), SystemClock().now())
