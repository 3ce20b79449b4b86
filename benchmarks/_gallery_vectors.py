"""Seeded unit vectors made like real ones: people as clusters, with the spectra that real faces have.

A person is drawn around one of some kinds of people (look-alikes make the near strangers that a plain normal
distribution lacks), a photo around its person, and the sum is scaled to length 1. The spectra and the four
numbers beside them were measured by `benchmarks/_spectrum.py` and hold nothing of any one face.

The same seed gives the same vectors on one machine; any part of a gallery can be made anew without the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines.arrays import F32, F64, I64
from pipeline.gallery.int8_grid import Kept, to_grid

STATISTICS = Path(__file__).parents[1] / "config" / "statistics"
SPECTRUM_FILE = STATISTICS / "facenet-20180408-spectrum.json"
PEOPLE_IN_BLOCK = 4096
"""made in one go: 8 MiB of 512-D vectors a photo each"""
_PERSON, _PHOTO, _PROBE, _AXES, _KINDS, _NEW_PERSON, _NEW_PROBE, _PICK = range(8)
"""independent streams of random numbers"""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How real vectors vary, along the principal axes of a population, widest first."""

    total: F64
    """(D,) variance of one photo each of many people"""
    within: F64
    """(D,) variance of the photos of one person, along the same axes; less than `total`"""
    spread: float
    """standard deviation of the logarithm of a photo's distance from its person: some photos are much worse"""
    kinds: int
    """kinds of people"""
    kinds_share: float
    """of the variance between people, what lies between kinds"""

    def __post_init__(self) -> None:
        if self.total.shape != self.within.shape or self.total.ndim != 1:
            raise ValueError(f"total {self.total.shape} and within {self.within.shape} must be (D,)")
        if not (self.within >= 0.0).all() or not (self.total >= self.within).all():
            raise ValueError("within must lie between 0 and total")

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return len(self.total)


def read_spectrum(file: Path = SPECTRUM_FILE) -> Spectrum:
    """The spectrum that `bench indexes --spectrum` printed. Raises OSError, ValueError, KeyError."""
    read = json.loads(file.read_text(encoding="utf-8"))
    return Spectrum(
        np.array(read["total"], np.float64),
        np.array(read["within"], np.float64),
        float(read["spread"]),
        int(read["kinds"]),
        float(read["kinds_share"]),
    )


@dataclass(frozen=True, slots=True)
class DrawnGallery:
    """A gallery of drawn people with the same number of templates each, and probes for it."""

    spectrum: Spectrum
    people: int
    each: int = 4
    """templates a person"""
    seed: int = 1
    kept: Kept = "float32"
    """with `int8` all vectors lie on the int8 grid"""
    _rotation: F32 = field(init=False, repr=False)
    _kinds: F32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Rotated at random, so that nothing profits from the axes of the coordinates.
        size = self.spectrum.dimension
        rotation, _ = np.linalg.qr(self._random(_AXES, 0).normal(size=(size, size)))
        object.__setattr__(self, "_rotation", np.ascontiguousarray(rotation, np.float32))
        kinds = self._random(_KINDS, 0).standard_normal((self.spectrum.kinds, size), np.float32)
        object.__setattr__(self, "_kinds", kinds)

    def __len__(self) -> int:
        """Templates."""
        return self.people * self.each

    def blocks(self) -> Iterator[F32]:
        """All templates (N, D) in order, some thousand people at a time; row p * each + k is of person p."""
        for block, start in enumerate(range(0, self.people, PEOPLE_IN_BLOCK)):
            drawn = self._people(_PERSON, block)[: self.people - start]
            yield self._photos(np.repeat(drawn, self.each, axis=0), self._random(_PHOTO, block))

    def templates(self) -> F32:
        """All templates (N, D) at once."""
        every = np.empty((len(self), self.spectrum.dimension), np.float32)
        row = 0
        for block in self.blocks():
            every[row : row + len(block)] = block
            row += len(block)
        return every

    def mated(self, count: int) -> tuple[I64, F32]:
        """People (Q,) picked evenly, and another photo (Q, D) of each."""
        picked = np.sort(self._random(_PICK, 0).integers(self.people, size=count))
        drawn = np.empty((count, self.spectrum.dimension), np.float32)
        for block in np.unique(picked // PEOPLE_IN_BLOCK).tolist():
            here = picked // PEOPLE_IN_BLOCK == block
            drawn[here] = self._people(_PERSON, block)[picked[here] % PEOPLE_IN_BLOCK]
        order = self._random(_PICK, 1).permutation(count)
        return picked[order], self._photos(drawn[order], self._random(_PROBE, 0))

    def non_mated(self, count: int) -> F32:
        """A photo (Q, D) each of people who are not in the gallery."""
        blocks = -(-count // PEOPLE_IN_BLOCK)
        drawn = np.concatenate([self._people(_NEW_PERSON, block) for block in range(blocks)])[:count]
        return self._photos(drawn, self._random(_NEW_PROBE, 0))

    def _people(self, stream: int, block: int) -> F32:
        """(B, D) along the principal axes, of any length."""
        random = self._random(stream, block)
        shape = (PEOPLE_IN_BLOCK, self.spectrum.dimension)
        share = self.spectrum.kinds_share
        drawn = random.standard_normal(shape, np.float32)
        drawn *= np.float32(np.sqrt(1.0 - share))
        drawn += np.float32(np.sqrt(share)) * self._kinds[random.integers(self.spectrum.kinds, size=shape[0])]
        drawn *= np.sqrt(self.spectrum.total - self.spectrum.within).astype(np.float32)
        return drawn

    def _photos(self, people: F32, random: np.random.Generator) -> F32:
        """A photo (N, D) of each of these people."""
        spread = self.spectrum.spread
        # exp(s n - s²) has a mean square of 1, so that `within` stays the variance
        badness = np.exp(spread * random.standard_normal((len(people), 1), np.float32) - spread**2)
        photos = random.standard_normal(people.shape, np.float32)
        photos *= np.sqrt(self.spectrum.within).astype(np.float32)
        photos *= badness.astype(np.float32)
        photos += people
        photos /= np.linalg.norm(photos, axis=1, keepdims=True)
        rotated: F32 = photos @ self._rotation
        rotated /= np.linalg.norm(rotated, axis=1, keepdims=True)
        return to_grid(rotated) if self.kept == "int8" else rotated

    def _random(self, stream: int, block: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, stream, block))
