"""How many sightings of each camera got a name, and how many did not, by why: the funnel (docs/why.md)."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.events.explanation import Explanation
from pipeline.events.shortfall import Reason
from pipeline.events.stage import Outcome

EDGES_PX = (16.0, 20.0, 24.0, 28.0, 32.0, 36.0, 40.0, 48.0, 64.0, 96.0, 128.0)
"""of faces' shorter sides: fine below detection.min_face_px and around it, where moving a camera changes most"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Faces by their shorter side."""

    counts: tuple[int, ...] = (0,) * (len(EDGES_PX) + 1)
    """below EDGES_PX[0], from there to below EDGES_PX[1], ..., from the last on"""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)

    @staticmethod
    def of(shorter_px: Iterable[float]) -> Sizes:
        """Count these."""
        found = Counter(bisect_right(EDGES_PX, each) for each in shorter_px)
        return Sizes(tuple(found[at] for at in range(len(EDGES_PX) + 1)))

    def below(self, px: float) -> int:
        """Faces smaller than this, to the nearest edge that is not above it."""
        return sum(self.counts[: bisect_right(EDGES_PX, px)])

    @property
    def middle_half(self) -> tuple[float, float | None]:
        """Between which sizes in px at least every second face is: edges; None: no upper one."""
        low, high = self._place(0.25), self._place(0.75)
        return EDGES_PX[low - 1] if low else 0.0, EDGES_PX[high] if high < len(EDGES_PX) else None

    def _place(self, share: float) -> int:
        """The bin in which this share of all is reached."""
        seen = 0
        for at, count in enumerate(self.counts):
            seen += count
            if seen and seen >= share * self.total:
                return at
        return len(EDGES_PX)


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
    sizes: Sizes = field(default_factory=Sizes)
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
            Sizes(tuple(self.sizes)),
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
