"""Why a face was not named: the first gate it failed, in the order of the pipeline (docs/why.md).

looked at ─> clear enough to embed ─> somebody to compare with ─> near enough ─> clearly nearer than the second
          ─> enough shots ─> the name is free ─> seen long enough
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from pipeline.types import QUALITY_PARTS


class Reason(StrEnum):
    """What kept a face from being named. The text is part of what the database, metrics and `why --json` say."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    BAD_LIGHT = "bad_light"
    DOUBTFUL = "doubtful"
    """the detector itself was not sure that it is a face"""
    COVERED = "covered"
    UNCLEAR = "unclear"
    """not clear enough, by a judge that does not say why"""
    EMPTY_GALLERY = "empty_gallery"
    EMPTY_WATCHLIST = "empty_watchlist"
    NOT_COMPARABLE = "not_comparable"
    """everybody's templates are of another model than the vector"""
    TOO_FAR = "too_far"
    MARGIN_TOO_SMALL = "margin_too_small"
    FEW_SHOTS = "few_shots"
    NAME_TAKEN = "name_taken"
    """somebody else who was in the picture at the same time has the name"""
    ENDED_EARLY = "ended_early"
    """gone before it could be told from a false detection; never published"""


SPOILED = (
    Reason.TOO_SMALL,
    Reason.BLURRED,
    Reason.TURNED_AWAY,
    Reason.BAD_LIGHT,
    Reason.DOUBTFUL,
    Reason.COVERED,
)
"""what a face is said to be when this part of its quality (types.QUALITY_PARTS) is the worst"""

COST_RATE = 3.0
"""a part of the quality is exp(-COST_RATE * cost), the cost in squared L2 (alignment.quality.RATE; a test compares)"""

WORTH_TELLING = 0.7
"""a part above it costs less than 0.12 in squared L2, which is no explanation for a face that was not named"""


@dataclass(frozen=True, slots=True)
class BestLook:
    """The clearest look at a face."""

    quality: float
    """in [0, 1]"""
    shorter_px: float
    """shorter side of its box"""
    parts: tuple[float, ...] = ()
    """QUALITY_PARTS, each in [0, 1], whose product is the quality; empty where the judge knows none"""

    @property
    def worst(self) -> int | None:
        """Which of QUALITY_PARTS spoils it most, the first on a tie; None where that is not known."""
        return self.parts.index(min(self.parts)) if len(self.parts) == len(QUALITY_PARTS) else None

    def to_blame(self, missed_by: float) -> int | None:
        """Which of QUALITY_PARTS may have added so much distance, in squared L2; None where none is so bad."""
        worst = self.worst
        if worst is None or self.parts[worst] > WORTH_TELLING:
            return None
        cost = -math.log(max(self.parts[worst], 1e-9)) / COST_RATE
        return worst if cost >= missed_by else None


@dataclass(frozen=True, slots=True)
class Near:
    """A person whom a face came near to."""

    person_id: str | None
    """None where the person is no longer in the gallery"""
    distance: float
    """squared L2, in [0, 4]"""
    name: str | None = None
    """None where it is not known here"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What had to be kept to for a name (config.schema has the keys and reasons)."""

    max_distance: float
    """squared L2: a name is given only below it"""
    min_margin: float
    """squared L2"""
    keep_margin: float
    """squared L2: a name that was given is kept until the distance exceeds max_distance by it"""
    min_shots: int
    min_quality: float
    """worse looks are never embedded"""
    min_seen_s: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a sighting that a name depends on."""

    looks: int
    """frames that it was found in"""
    best: BestLook | None
    """None before the first look was judged"""
    shots: int
    """embedded looks that the decision rests on"""
    nearest: tuple[Near, ...]
    """the nearest people, two at most"""
    seen_s: float
    """from the first to the last look"""
    over: bool
    """whether no more looks will come"""
    published: bool
    limits: Limits
    people: int | None = None
    """in the gallery, or on the camera's watchlists; None where that is not known"""
    comparable: int | None = None
    """of them, with a template of the vector's model"""
    listed: bool = False
    """whether only people on watchlists were searched"""

    @property
    def margin(self) -> float | None:
        """How much farther the second person is; None where there is none."""
        return self.nearest[1].distance - self.nearest[0].distance if len(self.nearest) > 1 else None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The gate that a face failed, and by how much."""

    reason: Reason
    measured: float | None = None
    """what the gate looked at, in the unit of the limit; None where it is no number"""
    limit: float | None = None


def shortfall_of(facts: Facts) -> Shortfall:
    """Why a sighting with these facts has no name: the first gate, in the order of the pipeline, that it failed.

    A face that is too far from everybody is told of as too small, blurred, turned away, ... where its clearest look
    has a defect that is expected to cost at least what the distance exceeds the limit by: with a clear picture it
    might have been near enough, so that the picture is to blame and not the person.
    """
    return (
        _not_clear(facts)
        or _not_compared(facts)
        or _not_near(facts)
        or _not_nearer(facts)
        or _not_enough(facts)
        or Shortfall(Reason.NAME_TAKEN)
    )


def _not_clear(facts: Facts) -> Shortfall | None:
    """No look was good enough to embed."""
    best, limits = facts.best, facts.limits
    if facts.shots or best is None or best.quality >= limits.min_quality:
        return None
    worst = best.worst
    return Shortfall(Reason.UNCLEAR if worst is None else SPOILED[worst], best.quality, limits.min_quality)


def _not_compared(facts: Facts) -> Shortfall | None:
    """There was a template, and nobody to compare it with."""
    if not facts.shots or facts.nearest:
        return None
    nobody = Reason.EMPTY_WATCHLIST if facts.listed else Reason.EMPTY_GALLERY
    return Shortfall(Reason.NOT_COMPARABLE if facts.people else nobody, 0.0, 1.0)


def _not_near(facts: Facts) -> Shortfall | None:
    """Nobody is near enough."""
    if not facts.nearest:
        return None
    distance, limit = facts.nearest[0].distance, facts.limits.max_distance
    if distance < limit:
        return None
    blamed = None if facts.best is None else facts.best.to_blame(distance - limit)
    return Shortfall(Reason.TOO_FAR if blamed is None else SPOILED[blamed], distance, limit)


def _not_nearer(facts: Facts) -> Shortfall | None:
    """The second person is nearly as near."""
    margin, limit = facts.margin, facts.limits.min_margin
    return None if margin is None or margin >= limit else Shortfall(Reason.MARGIN_TOO_SMALL, margin, limit)


def _not_enough(facts: Facts) -> Shortfall | None:
    """Too few shots for a name yet, or gone too soon to be told of at all."""
    limits = facts.limits
    if facts.over and not facts.published:
        return Shortfall(Reason.ENDED_EARLY, facts.seen_s, limits.min_seen_s)
    if facts.shots < limits.min_shots:
        return Shortfall(Reason.FEW_SHOTS, float(facts.shots), float(limits.min_shots))
    return None
