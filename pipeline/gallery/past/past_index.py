"""Past sightings in memory, or mapped from a file: which of them may be nearest to a face, by their projections.

A scan and no graph: time and camera are filters that a graph cannot follow, a new sighting is a row more, and a
million rows of 64 numbers are read in some ten milliseconds. What comes out are candidates; the full vectors, which
only the database has, decide among them. Distances along orthonormal axes are never larger than the true ones: where
all others are farther along the axes than the last that is answered with, the answer is exact's, and this is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.arrays import F32, I64, Bools, check_array, check_rows
from pipeline.gallery.indexes.projection import Projection
from pipeline.gallery.sightings.sighting_records import I32, PastVectors

SCANNED_AT_ONCE = 4096
"""rows in one product, 1 MiB. OpenBLAS leaves so small a one to a single thread: with larger ones its threads waited
for each other on busy cores, and a million rows took 90 ms in the median where these took 12"""

GATHERED = 0.25
"""share of the rows of one product up to which those that are asked for are copied together first"""

ROUNDING = 1e-4
"""float32 errs by less in a distance: products of unit vectors' projections, a tenth of this was measured"""

GONE = -1
"""label of a row that was wiped"""

GOES_ON = np.iinfo(np.int64).max
"""last_ms of a sighting that was not over when it was read: the database knows until when it went on"""

_SHRUNK_AT = 4
"""times as many candidates as are asked for are collected before the worst are dropped"""


@dataclass(frozen=True, slots=True)
class PastFilter:
    """Which sightings are asked for. One that lasted from before `since` until after it was seen since then."""

    since: datetime | None = None
    until: datetime | None = None
    cameras: frozenset[str] = frozenset()
    """any of these; empty: all"""
    person_id: str | None = None
    stranger_id: str | None = None


@dataclass(frozen=True, slots=True)
class PastRows:
    """Sightings, a row each."""

    labels: I64
    """(N,) ascending but for GONE"""
    first_ms: I64
    """(N,) UTC, milliseconds since 1970"""
    last_ms: I64
    """(N,) or GOES_ON"""
    cameras: I32
    """(N,) places in the index's table of cameras"""
    halves: F32
    """(N,) half the squared length of each projection"""
    projected: F32
    """(N, K)"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("first_ms", self.first_ms, np.int64, ("N",))
        check_array("last_ms", self.last_ms, np.int64, ("N",))
        check_array("cameras", self.cameras, np.int32, ("N",))
        check_array("halves", self.halves, np.float32, ("N",))
        check_array("projected", self.projected, np.float32, ("N", "K"))
        times = {"first_ms": self.first_ms, "last_ms": self.last_ms}
        check_rows(len(self.labels), cameras=self.cameras, **times)
        check_rows(len(self.labels), halves=self.halves, projected=self.projected)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sightings that may be the nearest."""

    labels: I64
    """(C,) the nearest projection first"""
    bounds: F32
    """(C,) squared L2 that each is at least away"""
    compared: int
    """sightings that the filter let through"""
    beyond: float
    """squared L2 that all others are at least away; inf: there are no others"""

    def beyond_first(self, count: int) -> float:
        """What all others are at least away, where only the first so many are looked at."""
        return float(self.bounds[count]) if count < len(self.bounds) else self.beyond


class PastIndex:
    """Sightings of one model, in parts."""

    def __init__(self, projection: Projection, cameras: tuple[str, ...] = ()) -> None:
        self.projection = projection
        self._codes = {camera: code for code, camera in enumerate(cameras)}
        self._parts: list[PastRows] = []

    def __len__(self) -> int:
        """Rows; those wiped count."""
        return sum(map(len, self._parts))

    @property
    def live(self) -> int:
        """Rows that were not wiped."""
        return sum(int(np.count_nonzero(part.labels != GONE)) for part in self._parts)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The table of cameras, in the order of their codes."""
        return tuple(self._codes)

    @property
    def last(self) -> int:
        """The highest label that was taken in; 0 where there is none."""
        return max((int(part.labels.max(initial=0)) for part in self._parts), default=0)

    def rows_of(self, found: PastVectors) -> PastRows:
        """Sightings as rows of this index; cameras that are new to it join its table."""
        codes = [self._codes.setdefault(camera, len(self._codes)) for camera in found.cameras]
        projected = self.projection(found.vectors)
        return PastRows(
            labels=found.labels,
            first_ms=found.first_ms,
            last_ms=np.where(found.over, found.seen_ms, GOES_ON),
            cameras=np.array(codes, np.int32)[found.camera_of],
            halves=np.einsum("nk,nk->n", projected, projected) / np.float32(2.0),
            projected=projected,
        )

    def add(self, rows: PastRows) -> None:
        """Take in rows, whose labels are above all that are there."""
        self._parts.append(rows)

    def nearest(self, probe: F32, asked: PastFilter, count: int) -> Candidates:
        """Up to `count` sightings whose projections are nearest to a probe's (D,), nearest first.

        Of `asked` times and cameras are looked at; times are taken a millisecond wider than they are.
        """
        along = self.projection(probe[None])[0]
        square = float(along @ along)
        chosen = [_chosen(part, asked, self._codes) for part in self._parts]
        compared = sum(int(np.count_nonzero(each)) for each in chosen)
        # |p - x|² = |x|² - 2 (p·x - |p|²/2): what is in brackets is the score
        # One more than is asked for: all that is left out is at least as far as that one.
        best = _Best(count + 1)
        for part, mask in zip(self._parts, chosen, strict=True):
            for labels, scores in _scores(part, mask, along):
                best.take(labels, scores)
        labels, scores = best.finish()
        bounds = square - 2.0 * scores - ROUNDING
        beyond = float(bounds[count]) if len(bounds) > count else math.inf
        return Candidates(labels[:count], bounds[:count].astype(np.float32), compared, beyond)


class _Best:
    """The best of many scores."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._border = -math.inf
        self._labels: list[I64] = []
        self._scores: list[F32] = []
        self._held = 0

    def take(self, labels: I64, scores: F32) -> None:
        near = np.flatnonzero(scores > self._border)
        if not len(near):
            return
        self._labels.append(labels[near])
        self._scores.append(scores[near])
        self._held += len(near)
        if self._held >= _SHRUNK_AT * self._count:
            self._shrink()

    def finish(self) -> tuple[I64, F32]:
        """Labels and scores, the best first."""
        if not self._labels:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        self._shrink()
        (labels,), (scores,) = self._labels, self._scores
        order = np.lexsort((labels, -scores))
        return labels[order], scores[order]

    def _shrink(self) -> None:
        labels, scores = np.concatenate(self._labels), np.concatenate(self._scores)
        if len(labels) > self._count:
            split = len(scores) - self._count
            kept = np.argpartition(scores, split)[split:]
            labels, scores = labels[kept], scores[kept]
            self._border = float(scores.min())
        self._labels, self._scores, self._held = [labels], [scores], len(labels)


def _chosen(part: PastRows, asked: PastFilter, codes: dict[str, int]) -> Bools:
    """Which rows (N,) are asked for."""
    chosen: Bools = part.labels != GONE
    if asked.since is not None:
        chosen &= part.last_ms >= _milliseconds(asked.since) - 1
    if asked.until is not None:
        chosen &= part.first_ms <= _milliseconds(asked.until) + 1
    if asked.cameras:
        wanted = [codes[camera] for camera in asked.cameras if camera in codes]
        chosen &= np.isin(part.cameras, np.array(wanted, np.int32))
    return chosen


def _scores(part: PastRows, chosen: Bools, along: F32) -> Iterator[tuple[I64, F32]]:
    """Labels and scores of the rows that are chosen, and of others at -inf."""
    for start in range(0, len(part), SCANNED_AT_ONCE):
        rows = slice(start, start + SCANNED_AT_ONCE)
        here = chosen[rows]
        count = int(np.count_nonzero(here))
        if not count:
            continue
        if count <= GATHERED * len(here):
            few = start + np.flatnonzero(here)
            yield part.labels[few], part.projected[few] @ along - part.halves[few]
            continue
        scores = part.projected[rows] @ along
        scores -= part.halves[rows]
        if count < len(here):
            scores[~here] = -np.inf
        yield part.labels[rows], scores


def _milliseconds(moment: datetime) -> int:
    return round(1000 * moment.timestamp())
