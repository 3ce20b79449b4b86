"""What engines are compared on: real crops and frames, LFW's photos, or painted images where there is nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engines.arrays import U8
from engines.evaluation.lfw_pairs import Pairs
from engines.progress import OnProgress
from engines.zoo.description import ModelDescription

SEEDED = "seeded images"
PAINTED = 4
MAP_MULTIPLES = 4
"""side of a detector's painted image, in multiples of what its input's sides must be multiples of"""


@dataclass(frozen=True, slots=True)
class ParityMaterial:
    """The same pixels for an engine and its reference."""

    name: str
    """where it comes from: lfw_dev, demo photos, seeded images"""
    crops: U8
    """(N, S, S, 3) RGB, as the product cuts them"""
    frames: tuple[U8, ...]
    """(H, W, 3) RGB"""


ReadMaterial = Callable[[ModelDescription, OnProgress], ParityMaterial]
"""for this model; slow, so it is called once an engine is there to be compared"""


@dataclass(frozen=True, slots=True)
class LfwMaterial:
    """Labeled Faces in the Wild, View 2, cut once for every engine."""

    pairs: Pairs
    names: tuple[str, ...]
    """of the photos, in the order of the crops"""
    cut_by: str
    """everything that the crops depend on; vectors of the reference are kept under it"""
    crops: Callable[[], Iterator[U8]]
    """batches (B, S, S, 3) of all photos; minutes of work"""


def painted(model: ModelDescription, on_progress: OnProgress) -> ParityMaterial:
    """No photos: what is there without network and test data."""
    del on_progress
    images = seeded_inputs(model)
    return ParityMaterial(SEEDED, images, ())


def seeded_inputs(model: ModelDescription, seed: int = 0) -> U8:
    """A few smooth, coloured images (N, H, W, 3); the same every time.

    Smooth, because networks for photos answer white noise with values no photo gives.
    """
    import cv2

    assert model.input is not None
    side = model.input.side_px or MAP_MULTIPLES * model.input.multiple_px
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (PAINTED, 8, 8, 3)).astype(np.float32)
    images = np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in coarse])
    return np.asarray(np.clip(images, 0, 255), dtype=np.uint8)
