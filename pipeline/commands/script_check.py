"""Holds what was seen against what the script says could be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.commands.sightings import Sighting, clock
from pipeline.demo.script import Visit

TOLERANCE_S = 1.0
"""A face counts as visible from when its centre is in the picture; the detector sees some sooner, some later, looks
ten times a second, and a track is predicted for a moment after the last look."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far the sightings follow the script."""

    expected: int
    """visits in the script"""
    right: int
    """of them, seen once, under the right name, at the right time"""
    differences: tuple[str, ...]
    """what differs, a line each; none where everything is as the script has it"""


def compare(visits: Sequence[Visit], sightings: Sequence[Sighting]) -> Comparison:
    """Find each visit's sighting: the same person, overlapping in time, each used once."""
    left = sorted(sightings, key=lambda sighting: sighting.from_s)
    right, differences = 0, []
    for visit in visits:
        found = next((s for s in left if s.name == visit.person and _overlap(visit, s)), None)
        if found is None:
            differences.append(f"not seen: {_who(visit.person)}, {clock(visit.from_s)} – {clock(visit.to_s)}")
            continue
        left.remove(found)
        late = max(abs(found.from_s - visit.from_s), abs(found.to_s - visit.to_s)) > TOLERANCE_S
        if late:
            differences.append(
                f"{_who(visit.person)}: seen {clock(found.from_s)} – {clock(found.to_s)}, "
                f"in the script {clock(visit.from_s)} – {clock(visit.to_s)}"
            )
        right += not late
    for extra in left:
        span = f"{clock(extra.from_s)} – {clock(extra.to_s)}"
        differences.append(f"not in the script: {_who(extra.name)}, {span}")
    return Comparison(len(visits), right, tuple(differences))


def _overlap(visit: Visit, sighting: Sighting) -> bool:
    return sighting.from_s <= visit.to_s and visit.from_s <= sighting.to_s


def _who(person: str | None) -> str:
    return person or "a stranger"
