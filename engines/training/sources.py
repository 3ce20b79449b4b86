"""Where faces to learn from come from: crops, or what a frozen trunk made of them, behind one protocol."""

from __future__ import annotations

import zlib
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.arrays import F32, I64, U8
from engines.errors import TrainingError
from engines.training.augment import PLAIN, Augmentation, augmented

FINGERPRINT_ROWS = 256
"""spread over all; hashing every pixel of a large set would take longer than its first steps"""


class FaceSource(Protocol):
    """Faces of known people, numbered from 0. Several threads ask at once, in no order."""

    @property
    def people(self) -> I64:
        """(N,): who each face is of, by any numbers."""
        ...

    @property
    def fingerprint(self) -> str:
        """Another one means other faces, other people or other changes: a run does not go on with them."""
        ...

    def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
        """What the network is shown of these faces (n,) while it learns: float32 (n, ...), the first axis is faces.

        The same rows and the same state of `random` give the same bits.
        """
        ...

    def plain(self, rows: I64) -> Tensor:
        """What the network is shown of these faces (n,) when it is measured: unchanged, without chance."""
        ...


class CropSource:
    """RGB crops in memory or mapped from a file."""

    def __init__(
        self,
        crops: U8,
        people: I64,
        side_px: int,
        augmentation: Augmentation = PLAIN,
        rows: I64 | None = None,
    ) -> None:
        """`crops` are (M, S, S, 3), of `people` (M,); only `rows` (N,) of them are used, or all.

        Raises TrainingError where shapes do not fit.
        """
        if (
            crops.ndim != 4
            or crops.shape[1] != crops.shape[2]
            or crops.shape[3] != 3
            or crops.dtype != np.uint8
        ):
            raise TrainingError(f"crops must be uint8 (M, S, S, 3), got {crops.dtype} {crops.shape}")
        self._crops = crops
        self._rows = _chosen(len(crops), people, rows)
        self._people = people[self._rows]
        self._side_px = side_px
        self._augmentation = augmentation
        about = f"{side_px} px, {augmentation}"
        self._fingerprint = _fingerprint(crops, self._rows, self._people, about)

    @property
    def people(self) -> I64:
        return self._people

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
        """Changed crops (n, 3, side_px, side_px), (pixel - 127.5) / 128."""
        crops = (self._crops[row] for row in self._rows[rows])
        return self._planes([augmented(crop, self._augmentation, random) for crop in crops])

    def plain(self, rows: I64) -> Tensor:
        """Crops as they are (n, 3, side_px, side_px), (pixel - 127.5) / 128."""
        return self._planes([self._crops[row] for row in self._rows[rows]])

    def _planes(self, crops: list[U8]) -> Tensor:
        side = self._side_px
        found = np.empty((len(crops), 3, side, side), np.float32)
        for planes, crop in zip(found, crops, strict=True):
            if len(crop) != side:
                smaller = len(crop) > side
                how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
                crop = np.asarray(cv2.resize(crop, (side, side), interpolation=how), np.uint8)
            planes[:] = crop.transpose(2, 0, 1)
        found -= 127.5
        found /= 128.0
        return torch.from_numpy(found)


class FeatureSource:
    """What a frozen trunk made of faces, in one or several views: mirrored, shifted, spoiled."""

    def __init__(self, features: F32, people: I64, rows: I64 | None = None) -> None:
        """`features` are (M, F), or (M, V, F) with the unchanged view first, of `people` (M,).

        Raises TrainingError where shapes do not fit.
        """
        if features.ndim not in (2, 3) or features.dtype != np.float32:
            raise TrainingError(
                f"features must be float32 (M, F) or (M, views, F), got {features.dtype} {features.shape}"
            )
        self._features = features if features.ndim == 3 else features[:, None]
        self._rows = _chosen(len(features), people, rows)
        self._people = people[self._rows]
        self._fingerprint = _fingerprint(features, self._rows, self._people, "features")

    @property
    def people(self) -> I64:
        return self._people

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def inputs(self, rows: I64, random: np.random.Generator) -> Tensor:
        """A view by chance of each (n, F)."""
        views = random.integers(0, self._features.shape[1], len(rows))
        return torch.from_numpy(np.array(self._features[self._rows[rows], views]))

    def plain(self, rows: I64) -> Tensor:
        """The unchanged view of each (n, F)."""
        return torch.from_numpy(np.array(self._features[self._rows[rows], 0]))


def _chosen(count: int, people: I64, rows: I64 | None) -> I64:
    """The rows to use. Raises TrainingError where they or the people do not fit so many faces."""
    if people.shape != (count,):
        raise TrainingError(f"people must be ({count},), one for each face, got {people.shape}")
    if rows is None:
        return np.arange(count, dtype=np.int64)
    if len(rows) and not (rows.min() >= 0 and rows.max() < count):
        raise TrainingError(f"rows must be from 0 to {count - 1}, got {rows.min()} to {rows.max()}")
    return np.asarray(rows, np.int64)


def _fingerprint(values: F32 | U8, rows: I64, people: I64, about: str) -> str:
    """A name of these rows, who they are of, and how they are shown."""
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), FINGERPRINT_ROWS)).astype(np.int64)]
    digest = zlib.crc32(f"{values.shape} {values.dtype} {about}".encode())
    for part in (rows, np.asarray(people, np.int64), values[sample]):
        digest = zlib.crc32(np.ascontiguousarray(part).tobytes(), digest)
    return f"{len(rows)} faces of {len(np.unique(people))} people, {digest:08x}"
