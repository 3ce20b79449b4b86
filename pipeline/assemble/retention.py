"""How long things are kept, as the configuration says."""

from __future__ import annotations

from datetime import timedelta

from config.schema import Config
from pipeline.gallery.keeping.retention import RetentionRules


def retention_rules(config: Config) -> RetentionRules:
    """The rules of section `retention`."""
    keys = config.retention
    return RetentionRules(
        sightings=_days(keys.sightings_days),
        stranger_vectors=_days(keys.stranger_vectors_days),
        snapshots=_days(keys.snapshots_days),
        snapshots_bytes=megabytes(keys.snapshots_mb),
    )


def megabytes(count: int | None) -> int | None:
    """Bytes of so many megabytes, of 2^20 each; None of None."""
    return None if count is None else count << 20


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
