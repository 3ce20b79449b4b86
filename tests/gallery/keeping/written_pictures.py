"""Pictures as a run writes them, for tests of what erases and keeps them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from pipeline.gallery.keeping.picture_about import About, with_comment
from pipeline.gallery.keeping.snapshots import face_of

BACKGROUND = np.random.default_rng(7).integers(0, 255, (72, 128, 3), np.uint8)
"""what the camera sees when nobody is there: the same in every frame, to the bit"""


def write_picture(data: Path, named: str, taken_at: datetime, person: int) -> Path:
    """A frame of a camera that does not move, with one person low in it, and their face beside it."""
    path = data / named
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = BACKGROUND.copy()
    frame[40:60, 50:70] = np.random.default_rng([9, person]).integers(0, 255, (20, 20, 3), np.uint8)
    about = About("door", f"door:k3f9:{person}", taken_at, 1, 0.1, 0.5, (0.4, 0.5, 0.6, 0.8)).text()
    for place, pixels in ((path, frame), (face_of(path), frame[40:60, 50:70])):
        place.write_bytes(with_comment(cv2.imencode(".jpg", pixels)[1].tobytes(), about))
    return path
