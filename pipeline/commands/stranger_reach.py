"""How near a face must be to a stranger's to be theirs: as configured, or derived from the rate that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.thresholds import ceiling, needed_strangers, strangers_of

if TYPE_CHECKING:
    from config.schema import Config
    from pipeline.gallery.sightings.stranger_book import Reach


def stranger_reach(config: Config, data: Path) -> Reach:
    """The distance for so many comparisons with known strangers. Raises BadInputError, CatalogueError.

    It is bound as names are, by verification.max_far, but not by the distance for names: that one shrinks with a
    gallery that strangers are not compared with.
    """
    from pipeline.gallery.sightings.stranger_book import derived_reach

    given = config.strangers.max_distance
    if given is None and config.matching.max_distance is not None and strangers_of(config, data) is None:
        given = (
            config.matching.max_distance
        )  # as for verification: near enough for a name is near enough here
    if given is not None:
        fixed = given
        return lambda _: fixed
    curve = needed_strangers(config, data, "strangers.max_distance")
    return derived_reach(curve, config.strangers.max_fpir, ceiling(config, curve))
