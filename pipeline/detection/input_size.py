"""How large the detector's input is made: as small as the smallest face wanted allows.

Measured on seven recordings (docs/detection.md): CenterFace finds 99 in 100 faces whose shorter side has 20 pixels
of its input, at the score that starts a track, and draws their boxes as well as larger ones; at 14 to 16 px it finds
83 in 100, and the boxes of those wander. What a frame costs grows with the area of the input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.detection.letterbox import Placement, place

FACE_PX = 20.0
"""shorter side of a face in the network's input from which on it is found"""
LONGEST_PX = 1920
"""longer side of an input that is sized for its faces: 40 px faces in 4K. Twice as long costs four times as much"""
WHOLE_PX = 960
"""longer side of an input for which nobody has said how small a face may be"""
MULTIPLE_PX = 32
"""CenterFace halves its input five times, so that both sides must be multiples of this"""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The rule for a run."""

    min_face_px: float
    """shorter side, in the frame, of the smallest face wanted where a camera has no limit of its own"""
    fixed_px: int | None = None
    """longer side of the input, whatever faces are wanted; None: sized for them"""

    def __post_init__(self) -> None:
        if self.min_face_px <= 0.0:
            raise ValueError(f"min_face_px must be positive, got {self.min_face_px}")

    def placement(self, width: int, height: int, min_face_px: float | None = None) -> Placement:
        """Where a frame of this size in pixels lies in the input, for the camera's own smallest face if given.

        >>> InputSize(min_face_px=40.0).placement(640, 360).input_shape
        (192, 320)
        """
        return place(width, height, self._longer_px(width, height, min_face_px), MULTIPLE_PX)

    def _longer_px(self, width: int, height: int, min_face_px: float | None) -> int:
        if self.fixed_px is not None:
            return self.fixed_px
        scale = FACE_PX / (self.min_face_px if min_face_px is None else min_face_px)
        return min(LONGEST_PX, math.ceil(max(width, height) * scale))
