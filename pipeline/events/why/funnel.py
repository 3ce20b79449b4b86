"""How many sightings of each camera got a name, and how many did not, by why: the funnel (docs/why.md)."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pipeline.events.stage import Outcome
from pipeline.events.why.explanation import Explanation
from pipeline.events.why.shortfall import Reason
from pipeline.geometry import EDGES_PX, FaceSizes


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Sightings for one reason."""

    reason: Reason
    sightings: int


@dataclass(frozen=True, slots=True)
class CameraFunnel:
    """The sightings of one camera that are over."""

    camera: str
    named: int = 0
    unnamed: tuple[ReasonCount, ...] = ()
    """published without a name, the most frequent reason first"""
    passing: tuple[ReasonCount, ...] = ()
    """never published: gone too soon, or never clear enough; the most frequent reason first"""
    sizes: FaceSizes = field(default_factory=FaceSizes)
    """of the clearest look at each sighting, named or not"""
    unexplained: int = 0
    """without a name, from before explanations were kept"""

    @property
    def faces(self) -> int:
        """Sightings that were published."""
        return self.named + sum(each.sightings for each in self.unnamed) + self.unexplained


class _Tally:
    """Counts one camera's sightings."""

    def __init__(self) -> None:
        self.named = 0
        self.unexplained = 0
        self.unnamed: Counter[Reason] = Counter()
        self.passing: Counter[Reason] = Counter()
        self.sizes = [0] * (len(EDGES_PX) + 1)

    def add(self, why: Explanation | None, *, named: bool, published: bool) -> None:
        best = None if why is None else why.facts.best
        if best is not None and published:
            self.sizes[bisect_right(EDGES_PX, best.shorter_px)] += 1
        if published and named:
            self.named += 1
        elif why is None or why.shortfall is None:
            self.unexplained += published
        else:
            (self.unnamed if published else self.passing)[why.shortfall.reason] += 1

    def funnel(self, camera: str) -> CameraFunnel:
        return CameraFunnel(
            camera,
            self.named,
            _in_order(self.unnamed),
            _in_order(self.passing),
            FaceSizes(tuple(self.sizes)),
            self.unexplained,
        )


class FunnelCounts:
    """Observes the outcomes of a run, and counts its sightings when they are over. Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[str, _Tally] = {}

    def __call__(self, outcome: Outcome) -> None:
        """Take in one frame."""
        if not outcome.closed:
            return
        with self._lock:
            tally = self._tallies.setdefault(outcome.camera, _Tally())
            for one in outcome.closed:
                tally.add(one.explanation, named=one.identity is not None, published=one.number is not None)

    def funnels(self) -> Mapping[str, CameraFunnel]:
        """Every camera's with a sighting that is over, since the run began or the camera was added."""
        with self._lock:
            return {camera: tally.funnel(camera) for camera, tally in sorted(self._tallies.items())}

    def keep(self, cameras: Collection[str]) -> None:
        """Let go of all cameras but these: of those that are not watched any more."""
        with self._lock:
            for gone in self._tallies.keys() - set(cameras):
                del self._tallies[gone]


class FunnelOfKept:
    """Counts sightings that were kept, one after the other, by camera."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def add(self, camera: str, why: Explanation | None, *, named: bool) -> None:
        """Count one. `why`: None where no explanation was kept with it."""
        self._tallies.setdefault(camera, _Tally()).add(why, named=named, published=True)

    def funnels(self) -> tuple[CameraFunnel, ...]:
        """One a camera, in order of name."""
        return tuple(tally.funnel(camera) for camera, tally in sorted(self._tallies.items()))


def _in_order(counts: Counter[Reason]) -> tuple[ReasonCount, ...]:
    """The most frequent first, on a tie the gate that comes first."""
    gates = list(Reason)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], gates.index(item[0])))
    return tuple(ReasonCount(reason, count) for reason, count in ranked)
