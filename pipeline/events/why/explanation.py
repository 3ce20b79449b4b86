"""Why a sighting has its name, or none: a value, and the text that is kept of it with the sighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.events.why.shortfall import BestLook, Facts, Limits, Near, Reason, Shortfall, shortfall_of

DECIMALS = 4

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a name depends on, and which gate kept it away."""

    facts: Facts
    shortfall: Shortfall | None
    """None: there is a name"""


def explain(facts: Facts, *, named: bool) -> Explanation:
    """Why a sighting with these facts has a name, or none."""
    return Explanation(facts, None if named else shortfall_of(facts))


class _Strict(BaseModel):
    """Frozen, without unknown keys, without silent conversions."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _Best(_Strict):
    quality: Finite
    px: Finite
    parts: list[Finite]


class _Limits(_Strict):
    distance: Finite
    margin: Finite
    keep: Finite
    shots: Count
    quality: Finite
    seen_s: Finite


class _Short(_Strict):
    reason: str
    measured: Finite | None
    limit: Finite | None


class _Text(_Strict):
    """The fields in the order in which they are written. Nobody's name or id is among them."""

    v: Literal[1]
    short: _Short | None
    looks: Count
    shots: Count
    best: _Best | None
    near: list[Finite]
    """distances of the nearest people, whose ids the sighting's row has: so that `forget` finds them"""
    seen_s: Finite
    over: bool
    limits: _Limits
    people: Count | None
    comparable: Count | None
    listed: bool


def encode(explanation: Explanation) -> str:
    """One line of JSON, about 350 characters, without the ids of the nearest people."""
    facts, short = explanation.facts, explanation.shortfall
    best, limits = facts.best, facts.limits
    text = _Text(
        v=1,
        short=None
        if short is None
        else _Short(reason=short.reason, measured=_round(short.measured), limit=_round(short.limit)),
        looks=facts.looks,
        shots=facts.shots,
        best=None
        if best is None
        else _Best(
            quality=_rounded(best.quality),
            px=_rounded(best.shorter_px),
            parts=[_rounded(part) for part in best.parts],
        ),
        near=[_rounded(one.distance) for one in facts.nearest],
        seen_s=_rounded(facts.seen_s),
        over=facts.over,
        limits=_Limits(
            distance=_rounded(limits.max_distance),
            margin=_rounded(limits.min_margin),
            keep=_rounded(limits.keep_margin),
            shots=limits.min_shots,
            quality=_rounded(limits.min_quality),
            seen_s=_rounded(limits.min_seen_s),
        ),
        people=facts.people,
        comparable=facts.comparable,
        listed=facts.listed,
    )
    return text.model_dump_json()


def nearest_ids(explanation: Explanation) -> tuple[str | None, ...]:
    """Whom the face came nearest to: what `encode` leaves out."""
    return tuple(one.person_id for one in explanation.facts.nearest)


def decode(kept: str, person_ids: Sequence[str | None] = ()) -> Explanation:
    """What `encode` wrote, with the ids of the nearest people as the sighting's row has them, None for one who is gone.

    Raises ValueError for anything else.
    """
    text = _Text.model_validate_json(kept)
    ids = [*person_ids, None, None]
    best, limits = text.best, text.limits
    facts = Facts(
        looks=text.looks,
        best=None if best is None else BestLook(best.quality, best.px, tuple(best.parts)),
        shots=text.shots,
        nearest=tuple(Near(one, distance) for one, distance in zip(ids, text.near, strict=False)),
        seen_s=text.seen_s,
        over=text.over,
        published=True,
        limits=Limits(
            limits.distance, limits.margin, limits.keep, limits.shots, limits.quality, limits.seen_s
        ),
        people=text.people,
        comparable=text.comparable,
        listed=text.listed,
    )
    short = text.short
    return Explanation(
        facts,
        None if short is None else Shortfall(Reason(short.reason), short.measured, short.limit),
    )


def readable(kept: str | None, person_ids: Sequence[str | None] = ()) -> Explanation | None:
    """The same; None where nothing was kept, or something that this Facestream cannot read: a newer one's."""
    if kept is None:
        return None
    try:
        return decode(kept, person_ids)
    except ValueError:
        return None


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0


def _round(value: float | None) -> float | None:
    return None if value is None else _rounded(value)
