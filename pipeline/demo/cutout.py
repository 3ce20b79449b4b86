"""Cuts a person out of a photo, along the person: no rectangle's corner is left for a detector to notice."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F64, U8, check_array
from pipeline.demo.script import Figure

FACE_PX = 200.0
"""Face height that photos are brought to before cutting: the largest a face gets in the demo's recording."""

BAND = 0.06
"""The outline may be wrong by this much, in face heights; inside the band the pixels decide."""

ROUNDS = 3
"""of GrabCut; further ones move no edge visibly"""

FEATHER_PX = 1.4
"""softness of the edge, about that of a lens"""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A silhouette with soft edges, at full size and halved until half a face would be too small to need it."""

    levels: tuple[U8, ...]
    """(H, W, 4) RGB and opacity, uint8, each half as large as the one before"""
    scale: float
    """pixels of the largest level a pixel of the photo, as Figure.size_px has it"""

    def level_for(self, scale: float) -> tuple[U8, float]:
        """The level from which a picture of `scale` pixels a photo pixel is best sampled, and that level's scale."""
        own, level = self.scale, 0
        while level + 1 < len(self.levels) and own / 2 >= scale:
            own, level = own / 2, level + 1
        return self.levels[level], own


def cut_out(photo: U8, figure: Figure) -> Cutout:
    """Cut `figure` out of its photo (H, W, 3) RGB.

    The outline is taken as true but for a narrow band along it, where GrabCut (Rother, Kolmogorov, Blake,
    SIGGRAPH 2004) separates the person's colours from the background's. The same photo gives the same cut.
    """
    check_array("photo", photo, np.uint8, ("H", "W", 3))
    scale = FACE_PX / figure.face_height_px
    width, height = (round(side * scale) for side in figure.size_px)
    shrinks = width < photo.shape[1]
    image = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    points = np.array(figure.outline) * (width, height)
    inside = _fit(np.asarray(image, np.uint8), points, band_px=max(2, round(BAND * FACE_PX)))
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), FEATHER_PX, borderType=cv2.BORDER_REPLICATE)
    # the outer half of the ramp would show a rim of the photo's background
    opacity = np.clip(soft * 1.6 - 0.6, 0.0, 1.0)
    level = np.dstack([image, np.rint(opacity * 255.0).astype(np.uint8)])
    levels = [level]
    while len(levels) < 3:
        levels.append(np.asarray(cv2.pyrDown(levels[-1], borderType=cv2.BORDER_REPLICATE), np.uint8))
    return Cutout(tuple(levels), scale)


def _fit(image: U8, points: F64, band_px: int) -> U8:
    """1 where the person is, (H, W)."""
    drawn = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.rint(points).astype(np.int32)], (1,))
    # replicated, so that a figure that the photo's edge cuts off is not eroded there
    padded = cv2.copyMakeBorder(drawn, band_px, band_px, band_px, band_px, cv2.BORDER_REPLICATE)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band_px + 1, 2 * band_px + 1))
    core = slice(band_px, -band_px)
    surely = cv2.erode(padded, disc)[core, core]
    perhaps = cv2.dilate(padded, disc)[core, core]
    labels = np.where(drawn > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[surely > 0] = cv2.GC_FGD
    labels[perhaps == 0] = cv2.GC_BGD
    cv2.setRNGSeed(0)  # GrabCut's colour models begin with k-means
    cv2.grabCut(
        image, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK
    )
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), dtype=np.uint8)
