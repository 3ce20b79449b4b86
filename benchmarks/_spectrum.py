"""The spectrum of real vectors, measured on development faces, and how like them drawn ones are."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks._gallery_vectors import DrawnGallery, Spectrum
from engines.arrays import F32, F64
from engines.evaluation.face_set import FaceSet

RATES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9)
"""of strangers' pairs that are nearer than the distances compared"""
PARTS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""of the pairs of one person"""
TAIL = 4
"""rates that kinds of people are fitted to: the near strangers, who decide what a search has to tell apart"""
MOST_WITHIN = 0.9
"""of a variance: at the narrow axes that of one person is measured to be all there is"""
SPREADS = (0.0, 0.1, 0.2, 0.3, 0.4)
KINDS = (20, 30, 40, 60)
SHARES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
DRAWN_PEOPLE = 3000
"""in each trial of the fit; 4.5 million pairs of strangers"""


@dataclass(frozen=True, slots=True)
class Distances:
    """Quantiles of squared L2 distances, real or drawn."""

    strangers: F64
    """at RATES"""
    one_person: F64
    """at PARTS"""
    one_person_mean: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A fitted spectrum and what it was fitted to."""

    spectrum: Spectrum
    real: Distances
    drawn: Distances
    people: int
    """whose variance is `total`"""
    pairs: int
    """of one person, whose variance is `within`"""


def measure(dev: FaceSet, ytf: FaceSet) -> Measured:
    """The spectrum of these vectors: photos of many people, and videos of some others."""
    firsts = np.unique(np.array(dev.people), return_index=True)[1]
    people = dev.vectors[firsts].astype(np.float64)
    total, axes = np.linalg.eigh(np.cov(people, rowvar=False))
    total, axes = np.maximum(total[::-1], 0.0), axes[:, ::-1]
    apart = np.concatenate([_same_person(dev), _same_person(ytf)])
    within = np.minimum(np.mean((apart @ axes) ** 2, axis=0) / 2.0, MOST_WITHIN * total)
    real = _quantiles(dev.vectors[firsts], np.sum(apart**2, axis=1))
    spectrum = _fit(Spectrum(total, within, 0.0, 1, 0.0), real)
    return Measured(spectrum, real, drawn_distances(spectrum), len(firsts), len(apart))


def drawn_distances(spectrum: Spectrum, seed: int = 0) -> Distances:
    """What drawn people's distances are."""
    drawn = DrawnGallery(spectrum, DRAWN_PEOPLE, 2, seed)
    photos = drawn.templates()
    return _quantiles(photos[::2], np.sum((photos[::2] - photos[1::2]) ** 2, axis=1, dtype=np.float64))


def as_json(measured: Measured, model: str) -> dict[str, object]:
    """What is kept in config/statistics: variances and quantiles, nothing of any one face."""
    spectrum = measured.spectrum
    return {
        "model": model,
        "measured_on": "lfw_dev.tar and the people of ytf_frames.tar who are not in View 2",
        "command": f"run_pipeline.py bench indexes --spectrum --set embedding.model={model}",
        "people": measured.people,
        "pairs_of_one_person": measured.pairs,
        "spread": spectrum.spread,
        "kinds": spectrum.kinds,
        "kinds_share": spectrum.kinds_share,
        "one_person": [list(pair) for pair in zip(PARTS, _rounded(measured.real.one_person), strict=True)],
        "one_person_mean": round(measured.real.one_person_mean, 4),
        "total": _short(spectrum.total),
        "within": _short(spectrum.within),
    }


def _fit(start: Spectrum, real: Distances) -> Spectrum:
    """Spread by the pairs of one person, kinds by the near strangers; the nearest of a grid."""

    def same_miss(spectrum: Spectrum) -> float:
        return float(np.abs(drawn_distances(spectrum).one_person - real.one_person).mean())

    def strangers_miss(spectrum: Spectrum) -> float:
        return float(np.abs(drawn_distances(spectrum).strangers - real.strangers)[:TAIL].mean())

    spread = min((_scaled(replace(start, spread=each), real) for each in SPREADS), key=same_miss)
    tried = (
        replace(spread, kinds=kinds, kinds_share=share) for kinds, share in itertools.product(KINDS, SHARES)
    )
    return min(tried, key=strangers_miss)


def _scaled(spectrum: Spectrum, real: Distances) -> Spectrum:
    """With the mean distance of one person's photos that is real: scaling to length 1 shortens it."""
    factor = real.one_person_mean / drawn_distances(spectrum).one_person_mean
    return replace(spectrum, within=np.minimum(factor * spectrum.within, MOST_WITHIN * spectrum.total))


def _same_person(faces: FaceSet) -> F64:
    """Differences (P, D) of every two photos of one person, not of one video."""
    first, second = np.triu_indices(len(faces), 1)
    numbers, groups = faces.person_numbers, faces.group_numbers
    videos = len(np.unique(groups)) > len(np.unique(numbers))
    kept = (numbers[first] == numbers[second]) & ((groups[first] != groups[second]) | (not videos))
    vectors = faces.vectors.astype(np.float64)
    return np.asarray(vectors[first[kept]] - vectors[second[kept]])


def _quantiles(people: F32, one_person: F64) -> Distances:
    first, second = np.triu_indices(len(people), 1)
    strangers = (2.0 - 2.0 * (people @ people.T))[first, second]
    return Distances(np.quantile(strangers, RATES), np.quantile(one_person, PARTS), float(one_person.mean()))


def _rounded(values: F64) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


def _short(values: F64) -> list[float]:
    return [float(f"{value:.4g}") for value in values.tolist()]


def lines(measured: Measured) -> Sequence[str]:
    """Real and drawn distances, one below the other."""
    shown = []
    for name, parts, of in (("strangers", RATES, "strangers"), ("one person", PARTS, "one_person")):
        shown.append(f"{name:12}" + "".join(f"{part:>9g}" for part in parts))
        for which, values in (("real", measured.real), ("drawn", measured.drawn)):
            shown.append(f"  {which:10}" + "".join(f"{value:9.3f}" for value in getattr(values, of)))
    real, drawn = measured.real.one_person_mean, measured.drawn.one_person_mean
    shown.append(f"mean of one person: real {real:.3f}, drawn {drawn:.3f}")
    return shown
