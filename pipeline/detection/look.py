"""What a detector is asked to look at: a frame, scaled, as a whole or in patches of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.detection.letterbox import Placement, letterbox
from pipeline.pixels import Pixels
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the scaled frame, and where it lies in the network's input.

    All numbers are pixels and multiples of the network's stride, so that each cell of its answer sees what it sees
    when the frame is looked at as a whole.
    """

    x: int
    """left edge, in the scaled frame"""
    y: int
    """upper edge, in the scaled frame"""
    width: int
    """may reach beyond the scaled frame: black there, as in a look at the whole frame"""
    height: int
    to_x: int
    """left edge, in the input"""
    to_y: int
    """upper edge, in the input"""


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be looked at in one frame."""

    pixels: Pixels
    """(H, W, 3) RGB uint8"""
    placement: Placement
    """how the whole frame is scaled"""
    patches: tuple[Patch, ...] = ()
    """disjoint; none: the whole frame"""
    canvas: tuple[int, int] | None = None
    """(height, width) of the input that the patches lie in; None without patches"""

    def __post_init__(self) -> None:
        if bool(self.patches) != (self.canvas is not None):
            raise ValueError("patches need a canvas, and a canvas needs patches")

    @property
    def input_shape(self) -> tuple[int, int]:
        """(height, width) of the network's input; looks that share it can share a batch."""
        return self.canvas or self.placement.input_shape

    @property
    def area_px(self) -> int:
        """Pixels of the network's input, with which the work grows."""
        height, width = self.input_shape
        return height * width


@runtime_checkable
class FrameDetector(Protocol):
    """Finds faces in frames, or in parts of them."""

    name: str

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        """Faces in pixels of the whole frames, best score first, one `Faces` a look in the order given.

        A look's faces do not depend on the others. Raises BackendError.
        """
        ...


class Detector(Protocol):
    """Finds faces in images."""

    name: str

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of images (H, W, 3) RGB, one `Faces` an image."""
        ...


class WholeFrames:
    """A detector of images as one of frames: it scales them as it likes, and always sees them whole."""

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self._detector = detector

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        """Faces of the whole frames, wherever the looks are directed. Raises what the detector raises."""
        return self._detector.detect([look.pixels.to_host() for look in looks])


def frame_detector(detector: Detector | FrameDetector) -> FrameDetector:
    """The detector itself if it looks at frames, or one that hands it whole frames."""
    return detector if isinstance(detector, FrameDetector) else WholeFrames(detector)


def input_of(looks: Sequence[Look]) -> U8:
    """Looks that share an `input_shape` as network input (N, h, w, 3).

    Patches are cut out of the scaled frame, not scaled themselves, so that they hold the pixels of a whole look.
    """
    if not any(look.patches for look in looks):
        return letterbox([look.pixels.to_host() for look in looks], [look.placement for look in looks])
    made = np.zeros((len(looks), *looks[0].input_shape, 3), np.uint8)
    for target, look in zip(made, looks, strict=True):
        if look.patches:
            _put(target, look)
        else:
            target[:] = letterbox([look.pixels.to_host()], [look.placement])[0]
    return made


def _put(target: U8, look: Look) -> None:
    """Copy a look's patches to where they lie in its input."""
    placed, image = look.placement, look.pixels.to_host()
    if image.shape[:2] != (placed.height, placed.width):
        size = (placed.width, placed.height)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for patch in look.patches:
        part = image[patch.y : patch.y + patch.height, patch.x : patch.x + patch.width]
        target[patch.to_y : patch.to_y + part.shape[0], patch.to_x : patch.to_x + part.shape[1]] = part
