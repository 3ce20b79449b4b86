"""How far apart two strangers are, as an embedder sees them: the statistics that thresholds are derived from.

Of many people with one photo each, the distances of all pairs are counted: at a distance t some share of the pairs
is nearer, the false match rate FMR(t). Kept are the distances at log-spaced rates and, from people with several
photos, the quantiles of two photos of one person. Statistics of a set, never a vector: those are biometric data.

The tail is what counts and where pairs are few. Below TAIL_RATE, log FMR is smoothed by a quadratic of the distance,
fitted down to the rate that MIN_PAIRS pairs are nearer at; beyond that it goes on in a straight line, which promises
too many false matches rather than too few, since the true curve bends down. What the gallery's own people say about
it is pipeline.gallery.calibration's part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, get_type_hints

import numpy as np

from engines.arrays import F32, F64
from engines.errors import CatalogueError, EvaluationError

MIN_PEOPLE = 100
"""4,950 pairs: the rate of 1e-3, which thresholds start from, is then about five of them"""
MAX_PEOPLE = 4000
"""of a larger set these many are drawn: 8 million pairs"""
MAX_PHOTOS = 5
"""of one person for pairs of one person, so that nobody counts for everybody"""
TAIL_RATE = 1e-2
"""the curve is smoothed below, and counted above"""
MIN_PAIRS = 3
TOP_RATE = 0.5
LEVELS_A_DECADE = 4
TAIL_POINTS = 60
TRUSTED_COUNT = 300
"""a point of the fit counts as the root of its pairs, up to these: pairs share people and are worth less than so
many draws"""
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""of pairs of one person, whose distances are kept"""
MAX_DISTANCE = 4.0
"""of unit vectors, squared"""
REMAKE = "make it anew with: python run_pipeline.py calibrate --strangers FOLDER_OF_PEOPLE"


@dataclass(frozen=True, slots=True)
class Strangers:
    """Distances of strangers, and of one person's photos. Distances are squared L2 of unit vectors, in [0, 4]."""

    model_id: str
    """of the vectors"""
    source: str
    """the set, and the command"""
    people: int
    photos: int
    pairs: int
    """of two people, one photo each"""
    rates: tuple[float, ...]
    """ascending; shares of the pairs of two people"""
    distances: tuple[float, ...]
    """ascending; that share is nearer than this"""
    same_pairs: int
    """of one person"""
    same_shares: tuple[float, ...]
    """ascending; shares of the pairs of one person; none where nobody has two photos"""
    same_distances: tuple[float, ...]
    """ascending; that share is nearer than this"""

    def __post_init__(self) -> None:
        for name, xs, ys in (
            ("rates", self.rates, self.distances),
            ("same_shares", self.same_shares, self.same_distances),
        ):
            # each comparison is one that NaN fails
            if len(xs) != len(ys) or not (np.all(np.diff(xs) > 0.0) and np.all(np.diff(ys) >= 0.0)):
                raise ValueError(f"{name} and their distances must ascend, one for each")
            if not (all(0.0 < x <= 1.0 for x in xs) and all(0.0 <= y <= MAX_DISTANCE for y in ys)):
                raise ValueError(
                    f"{name} must be above 0 and up to 1, their distances from 0 to {MAX_DISTANCE:g}"
                )
        if len(self.rates) < 2:
            raise ValueError("rates must be two or more")
        if self.distances[0] >= self.distances[-1]:
            raise ValueError("distances must not all be the same")

    @property
    def lowest_rate(self) -> float:
        """Below, rates are not counted but continued."""
        return self.rates[0]

    def rates_at(self, distances: F64) -> F64:
        """The share of strangers' pairs nearer than each distance (N,), as (N,) above 0 and up to 1."""
        logs = np.log(self.rates)
        found = np.interp(distances, self.distances, logs, right=0.0)
        beyond = logs[0] + self._tail_slope() * (distances - self.distances[0])
        return np.asarray(np.exp(np.where(distances < self.distances[0], beyond, found)), np.float64)

    def distances_at(self, rates: F64) -> F64:
        """The distances (N,) that these shares (N,), above 0, of strangers' pairs are nearer than; never below 0."""
        logs, wanted = np.log(self.rates), np.log(rates)
        found = np.interp(wanted, logs, self.distances)
        beyond = self.distances[0] + (wanted - logs[0]) / self._tail_slope()
        return np.asarray(np.maximum(np.where(wanted < logs[0], beyond, found), 0.0), np.float64)

    def distance_at(self, rate: float) -> float:
        """`distances_at` for one rate above 0."""
        return float(self.distances_at(np.array([rate]))[0])

    def recognised(self, distance: float) -> float | None:
        """The share of pairs of one person's photos that are nearer; None where none were measured."""
        if not self.same_shares:
            return None
        return float(np.interp(distance, (0.0, *self.same_distances), (0.0, *self.same_shares)))

    def same_person_distance(self, share: float) -> float | None:
        """What this share of pairs of one person's photos are nearer than; None where none were measured."""
        if not self.same_shares:
            return None
        return float(np.interp(share, self.same_shares, self.same_distances))

    def _tail_slope(self) -> float:
        """How fast log rate rises with the distance over the lowest decade."""
        logs, distances = np.log(self.rates), np.array(self.distances)
        end = int(np.searchsorted(logs, logs[0] + np.log(10.0)))
        end = int(np.clip(end, 1, len(logs) - 1))
        rising = distances[end] - distances[0]
        return float((logs[end] - logs[0]) / max(rising, 1e-6))

    def write(self, path: Path) -> None:
        """Write it as readable JSON, whole or not at all. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        about = asdict(self)
        for rows, columns in (
            ("strangers", ("rates", "distances")),
            ("one_person", ("same_shares", "same_distances")),
        ):
            xs, ys = (about.pop(column) for column in columns)
            about[rows] = [[float(f"{x:.4g}"), round(y, 4)] for x, y in zip(xs, ys, strict=True)]
        lines = [f"  {json.dumps(key)}: {_shown(value)}" for key, value in about.items()]
        try:
            part.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote. Raises CatalogueError."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            _check_types(value)
            strangers, one_person = value.pop("strangers"), value.pop("one_person")
            columns: dict[str, Any] = {
                "rates": tuple(float(rate) for rate, _ in strangers),
                "distances": tuple(float(distance) for _, distance in strangers),
                "same_shares": tuple(float(share) for share, _ in one_person),
                "same_distances": tuple(float(distance) for _, distance in one_person),
            }
            return cls(**value, **columns)
        except OSError as error:
            raise CatalogueError(f"{path} cannot be read ({error.strerror}); {REMAKE}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CatalogueError(f"{path} holds no statistics of strangers; {REMAKE}") from error


def _check_types(value: Mapping[str, object]) -> None:
    """Raise TypeError where a text or a count is neither; rates and distances are checked as numbers."""
    for name, kind in get_type_hints(Strangers).items():
        if kind in (str, int) and type(value[name]) is not kind:
            raise TypeError(f"{name} must be of type {kind.__name__}")


def _shown(value: object) -> str:
    """A row a line for lists."""
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {json.dumps(row)}" for row in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False)


def measure_strangers(vectors: F32, people: Sequence[str], model_id: str, source: str) -> Strangers:
    """The statistics of unit vectors (N, D), one a photo, of these people.

    Raises EvaluationError where the people are too few to say anything about a rate of 1e-3.
    """
    names = np.array(people)
    order = np.argsort(names, kind="stable")
    found, begins = np.unique(names[order], return_index=True)
    first = order[begins]
    if len(found) < MIN_PEOPLE:
        raise EvaluationError(
            f"strangers must be at least {MIN_PEOPLE} people with a face each, got {len(found)}; "
            "add folders of more people"
        )
    if len(first) > MAX_PEOPLE:
        first = np.sort(np.random.default_rng(0).choice(first, MAX_PEOPLE, replace=False))
    apart = np.sort(_pairs(vectors[first]))
    theirs = np.split(order, begins[1:])
    same = np.sort(np.concatenate([_pairs(vectors[rows[:MAX_PHOTOS]]) for rows in theirs]))
    rates = _levels(len(apart))
    shares = np.array(SHARES if len(same) else ())
    return Strangers(
        model_id=model_id,
        source=source,
        people=len(found),
        photos=len(names),
        pairs=len(apart),
        rates=tuple(rates.tolist()),
        distances=tuple(_distances(apart, rates).tolist()),
        same_pairs=len(same),
        same_shares=tuple(shares.tolist()),
        same_distances=tuple(np.quantile(same, shares).tolist()) if len(same) else (),
    )


def _pairs(vectors: F32) -> F64:
    """The distances of all pairs of unit vectors (N, D), as (N (N - 1) / 2,)."""
    products = vectors @ vectors.T
    upper = products[np.triu_indices(len(vectors), 1)].astype(np.float64)
    return np.asarray(np.clip(2.0 - 2.0 * upper, 0.0, 4.0), np.float64)


def _levels(pairs: int) -> F64:
    """Log-spaced rates from MIN_PAIRS of so many pairs to TOP_RATE."""
    lowest = MIN_PAIRS / pairs
    count = int(np.ceil(np.log10(TOP_RATE / lowest) * LEVELS_A_DECADE)) + 1
    return np.asarray(np.geomspace(lowest, TOP_RATE, count), np.float64)


def _distances(apart: F64, rates: F64) -> F64:
    """The distances at these rates, of ascending distances: smoothed in the tail, counted above it."""
    counts = np.unique(np.geomspace(MIN_PAIRS, TAIL_RATE * len(apart), TAIL_POINTS).astype(np.int64))
    at, logs = apart[counts - 1], np.log((counts - 0.5) / len(apart))
    weights = np.sqrt(np.minimum(counts, TRUSTED_COUNT))
    # Fitted as log rate of distance, where the errors are; read off as distance of log rate.
    grid = np.linspace(at[0] - 0.2, at[-1] + 0.2, 4001)
    for degree in (2, 1):
        fitted = np.polyval(np.polyfit(at, logs, degree, w=weights), grid)
        if np.all(np.diff(fitted) > 0.0):
            break
    tail = np.interp(np.log(rates), fitted, grid)
    found = np.where(rates <= TAIL_RATE, tail, np.quantile(apart, rates))
    return np.asarray(np.maximum.accumulate(np.clip(found, 0.0, 4.0)), np.float64)
