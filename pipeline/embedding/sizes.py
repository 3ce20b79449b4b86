"""Crops in the size of a network's input."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.pixels import Crops, CropsInSizes, HostPixels


def in_size(crops: Crops, side_px: int) -> Crops:
    """Crops (N, S, S, 3) as those of this side: cut in it, or else scaled to it on the host.

    Scaled are only the few that were cut for a network with another input just before it was replaced.
    """
    sizes = crops.sizes if isinstance(crops, CropsInSizes) else (crops,)
    for each in sizes:
        if each.shape[1] == side_px:
            return each
    largest = max(sizes, key=lambda each: each.shape[1]).to_host()
    how = cv2.INTER_AREA if largest.shape[1] > side_px else cv2.INTER_LINEAR
    scaled = [cv2.resize(crop, (side_px, side_px), interpolation=how) for crop in largest]
    return HostPixels(np.stack(scaled) if scaled else np.zeros((0, side_px, side_px, 3), np.uint8))
