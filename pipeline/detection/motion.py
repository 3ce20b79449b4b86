"""Where a camera's picture has changed since it was last looked at there.

A small grey picture is compared with a reference that is renewed only where the detector has looked. So a slow
change, a face that comes out of the dark, adds up until it is seen; comparing with the frame before would miss it.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.arrays import F32, U8, Bools
from pipeline.detection.letterbox import Placement

CELL_PX = 8
"""pixels of the scaled frame in a cell of the grey picture: the smallest face wanted has two to three of them"""
SAMPLES = 2
"""pixels of the frame that a cell averages in each direction at least, where it has so many"""
CHANGED = 6.0
"""grey levels by which a cell must differ. Compression and a sensor's noise, averaged over a cell, stay below 3"""
NOISES = 5.0
"""and in units of the picture's own noise, as its quieter half tells it: a dark, grainy picture differs everywhere"""
MOST_NOISE = 15.0
"""grey levels that are a change whatever the noise: behind a cut the whole picture differs, and that is no noise"""
NEIGHBOURS = 3
"""cells of a 3 x 3 neighbourhood that must have changed, so that single ones are no motion"""
MEDIAN_TO_SIGMA = 1.4826
"""from the median distance of normally distributed values to their standard deviation"""


def grey_picture(image: U8, placed: Placement) -> F32:
    """A frame (H, W, 3) RGB as grey levels, 0 to 255, a cell for about `CELL_PX` pixels of the scaled frame."""
    columns, rows = (max(1, round(side / CELL_PX)) for side in (placed.width, placed.height))
    step = max(1, min(image.shape[1] // (SAMPLES * columns), image.shape[0] // (SAMPLES * rows)))
    grey = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)


def changed_cells(before: F32, now: F32) -> Bools:
    """Where two grey pictures (h, w) of one scene differ: more than by noise, and not all by the same."""
    difference = now - before
    # A lamp or the camera's exposure: all cells alike.
    difference -= np.median(difference)
    distance = np.abs(difference)
    noise = MEDIAN_TO_SIGMA * float(np.median(distance))
    changed = (distance > np.clip(NOISES * noise, CHANGED, MOST_NOISE)).astype(np.float32)
    around = cv2.boxFilter(changed, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray((changed > 0.0) & (around >= NEIGHBOURS - 0.5), dtype=np.bool_)
