"""Pixels, which may not be on the host yet: those of a frame, or those of a batch of crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.arrays import I64, U8, check_array


class Pixels(Protocol):
    """Pixels that may not be on the host yet: a frame (H, W, 3) or a batch of crops (N, H, W, 3), RGB uint8."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `to_host` returns."""
        ...

    def to_host(self) -> U8:
        """The pixels as a numpy array; cheap when called again. The caller must not write into it."""
        ...


class Crops(Pixels, Protocol):
    """Crops (N, S, S, 3) of faces, of which some can be taken."""

    def take(self, rows: I64) -> Crops:
        """Those of these rows (M,), in this order."""
        ...


@dataclass(frozen=True, slots=True)
class HostPixels:
    """Pixels that are a numpy array already; `Crops` too, where there are several."""

    array: U8
    """(H, W, 3) or (N, H, W, 3) RGB uint8"""

    def __post_init__(self) -> None:
        shape = ("N", "H", "W", 3)[-self.array.ndim :]
        check_array("pixels", self.array, np.uint8, shape if self.array.ndim in (3, 4) else ("H", "W", 3))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def to_host(self) -> U8:
        return self.array

    def take(self, rows: I64) -> HostPixels:
        """See `Crops`."""
        return HostPixels(self.array[rows])


class LazyPixels:
    """Pixels converted when first asked for: most decoded frames are never looked at, and conversion costs.

    On any thread. Two that ask at the same moment both convert, and get the same.
    """

    def __init__(self, shape: tuple[int, ...], convert: Callable[[], U8]) -> None:
        self._shape = shape
        self._pixels: U8 | Callable[[], U8] = convert

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    def to_host(self) -> U8:
        pixels = self._pixels
        if callable(pixels):
            pixels = pixels()
            check_array("pixels", pixels, np.uint8, self._shape)
            self._pixels = pixels  # lets go of the decoded frame
        return pixels


@dataclass(frozen=True, slots=True)
class CropsInSizes:
    """The same faces cut in several sizes, for networks with inputs of several sizes. `Crops` as those of the first."""

    sizes: tuple[Crops, ...]
    """(N, S, S, 3) each, at least one, S different"""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sizes[0].shape

    def to_host(self) -> U8:
        return self.sizes[0].to_host()

    def take(self, rows: I64) -> CropsInSizes:
        """See `Crops`."""
        return CropsInSizes(tuple(each.take(rows) for each in self.sizes))
