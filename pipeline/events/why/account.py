"""One sighting explained: what was seen, what each gate said, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.clock import utc_text
from pipeline.events.document import rounded
from pipeline.events.event import EventType, Identity, IdentityEvent
from pipeline.events.why.explanation import Explanation, readable
from pipeline.events.why.gates import counted, gates
from pipeline.events.why.hints import ADVICE, IN_WORDS
from pipeline.events.why.shortfall import Facts, Near, Reason
from pipeline.gallery.sightings.kept_explanations import KeptSighting
from pipeline.types import QUALITY_PARTS

PART_NAMES = ("size", "sharpness", "pose", "light", "detector", "in front")
"""QUALITY_PARTS as people read them"""


@dataclass(frozen=True, slots=True)
class Account:
    """A sighting and why it has its name, or none. With the names of people: it is for operators' eyes."""

    sighting_id: str
    camera: str
    mode: str
    """live or replay"""
    over: bool
    identity: Identity | None
    stranger_id: str | None
    first_seen_at: datetime
    seen_at: datetime
    width: int
    """pixels of the frame"""
    height: int
    explanation: Explanation | None
    """None of a sighting that was kept before there were any"""
    gallery_version: int
    model_id: str
    snapshot: str | None = None


def account_of(event: IdentityEvent) -> Account:
    """What an event says of its sighting."""
    return Account(
        sighting_id=event.sighting_id,
        camera=event.camera,
        mode=event.mode.value,
        over=event.type is EventType.END,
        identity=event.identity,
        stranger_id=event.stranger_id,
        first_seen_at=event.first_seen_at,
        seen_at=event.seen_at,
        width=event.frame.width,
        height=event.frame.height,
        explanation=event.explanation,
        gallery_version=event.gallery_version,
        model_id=event.embedder,
        snapshot=event.snapshot,
    )


def account_of_kept(kept: KeptSighting) -> Account:
    """What the database says of a sighting, with the names that people have now."""
    seen = kept.sighting
    why = readable(seen.explanation)
    if why is not None:
        called = [*kept.nearest, None, None]
        nearest = tuple(
            Near(None if who is None else who.person_id, near.distance, None if who is None else who.name)
            for near, who in zip(why.facts.nearest, called, strict=False)
        )
        why = replace(why, facts=replace(why.facts, nearest=nearest))
    person = kept.person
    return Account(
        sighting_id=seen.sighting_id,
        camera=seen.camera,
        mode=seen.mode,
        over=seen.over,
        identity=None if person is None else Identity(person.person_id, person.name),
        stranger_id=seen.stranger_id,
        first_seen_at=seen.first_seen_at,
        seen_at=seen.seen_at,
        width=seen.width,
        height=seen.height,
        explanation=why,
        gallery_version=seen.gallery_version,
        model_id=seen.model_id,
        snapshot=seen.snapshot,
    )


def in_words(account: Account, threshold_from: str | None = None) -> tuple[str, ...]:
    """The account, line by line. `threshold_from`: how the distance for names came about, where that is known."""
    lines = [_who(account), *_where(account)]
    why = account.explanation
    if why is None:
        return (*lines, "why: not known; it was kept without reasons, or by a newer Facestream")
    lines.append(_best(why.facts))
    for gate in gates(why):
        mark = {True: "yes", False: "NO", None: "-"}[gate.passed]
        lines.append(f"{gate.name + '?':<26} {mark:<4} {gate.said}".rstrip())
    limits = why.facts.limits
    origin = "" if threshold_from is None else f": {threshold_from}"
    lines.append(
        f"names are given below {limits.max_distance:.3f} (gallery version {account.gallery_version}){origin}"
    )
    lines += _conclusion(why, account)
    return tuple(lines)


def document(account: Account, threshold_from: str | None = None) -> dict[str, object]:
    """The account as `why --json` and a monitor's HTTP have it."""
    why = account.explanation
    short = None if why is None else why.shortfall
    return {
        "sighting_id": account.sighting_id,
        "camera": account.camera,
        "mode": account.mode,
        "over": account.over,
        "identity": None
        if account.identity is None
        else {"id": account.identity.id, "name": account.identity.name},
        "stranger_id": account.stranger_id,
        "first_seen_at": utc_text(account.first_seen_at),
        "seen_at": utc_text(account.seen_at),
        "frame": {"width": account.width, "height": account.height},
        "reason": None if short is None else short.reason.value,
        "measured": None if short is None or short.measured is None else rounded(short.measured),
        "limit": None if short is None or short.limit is None else rounded(short.limit),
        "hint": None if short is None else ADVICE[short.reason],
        **({} if why is None else _numbers(why)),
        "gallery_version": account.gallery_version,
        "model_id": account.model_id,
        "snapshot": account.snapshot,
        "lines": list(in_words(account, threshold_from)),
    }


def _numbers(why: Explanation) -> dict[str, object]:
    facts, limits = why.facts, why.facts.limits
    best = facts.best
    return {
        "looks": facts.looks,
        "shots": facts.shots,
        "best": None
        if best is None
        else {
            "px": rounded(best.shorter_px),
            "quality": rounded(best.quality),
            "parts": {name: rounded(part) for name, part in zip(QUALITY_PARTS, best.parts, strict=False)},
        },
        "nearest": [
            {"id": near.person_id, "name": near.name, "distance": rounded(near.distance)}
            for near in facts.nearest
        ],
        "margin": None if facts.margin is None else rounded(facts.margin),
        "limits": {
            "max_distance": rounded(limits.max_distance),
            "min_margin": rounded(limits.min_margin),
            "keep_margin": rounded(limits.keep_margin),
            "min_shots": limits.min_shots,
            "min_quality": rounded(limits.min_quality),
        },
        "gates": [{"gate": gate.name, "passed": gate.passed, "said": gate.said} for gate in gates(why)],
    }


def _who(account: Account) -> str:
    if account.identity is not None:
        return f"{account.sighting_id}  {account.identity.name} ({account.identity.id})"
    return f"{account.sighting_id}  unknown ({account.stranger_id})"


def _where(account: Account) -> Iterator[str]:
    state = "over" if account.over else "going on, or cut off"
    first, last = utc_text(account.first_seen_at), utc_text(account.seen_at)
    yield f"camera {account.camera}, {account.mode}, {account.width}x{account.height}: {first} to {last}, {state}"
    if account.snapshot is not None:
        yield f"picture: {account.snapshot}"


def _best(facts: Facts) -> str:
    looks = counted(facts.looks, "look")
    best = facts.best
    if best is None:
        return f"{looks}; none was judged"
    parts = ", ".join(f"{name} {part:.2f}" for name, part in zip(PART_NAMES, best.parts, strict=False))
    return f"{looks}; the clearest: {best.shorter_px:.0f} px, quality {best.quality:.2f}" + (
        f" = {parts}" if parts else ""
    )


def _conclusion(why: Explanation, account: Account) -> Iterator[str]:
    short = why.shortfall
    if short is None:
        yield "so: named"
        return
    if account.identity is not None:
        yield f"so: {IN_WORDS[short.reason]}; an operator has said since who it is"
        return
    yield f"so: {IN_WORDS[short.reason]}"
    yield f"to change: {ADVICE[short.reason]}"
    if account.stranger_id is not None and short.reason is Reason.TOO_FAR:
        yield f"if you know who it is: python run_pipeline.py strangers name {account.stranger_id} NAME"
