"""Why a sighting has its name, or none: from a run that has it open, else from what was kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from config.schema import Config
from pipeline.events.event import IdentityEvent
from pipeline.events.why.account import Account, account_of, account_of_kept, document
from pipeline.gallery.sightings.kept_explanations import kept_sighting
from pipeline.gallery.storage.database import Database


def explained(
    config: Config, database: Database, sighting_id: str, state_of: Callable[[str], IdentityEvent | None]
) -> Mapping[str, object] | None:
    """What `why --json` prints of a sighting; None: there is none of this id.

    `state_of`: of the run that goes on (assemble.run.Run). Raises StoreError.
    """
    now = state_of(sighting_id)
    account = account_kept(database, sighting_id) if now is None else account_of(now)
    return None if account is None else document(account, threshold_from(config, account))


def account_kept(database: Database, sighting_id: str) -> Account | None:
    """What is kept of a sighting; None: nothing. Raises StoreError."""
    with database.reading() as connection:
        found = kept_sighting(connection, sighting_id)
    return None if found is None else account_of_kept(found)


def threshold_from(config: Config, account: Account) -> str | None:
    """Where the distance for names came from, as far as the configuration tells."""
    if account.explanation is None:
        return None
    given = config.matching.max_distance
    if given is not None and abs(given - account.explanation.facts.limits.max_distance) < 1e-4:
        return "matching.max_distance gives it"
    if given is not None:
        return "not what matching.max_distance gives now; the configuration was another"
    rate = config.matching.max_fpir
    return (
        f"derived from matching.max_fpir, now {rate:g}, and the gallery as it was then; calibrate shows how"
    )
