"""Why a photo may not stand for a person, in words of who gave it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.types import Faces

DARK, BRIGHT = 70.0, 190.0
"""mean grey of a face that is too dark, or too bright, where its light is what spoils it"""
SPOILT = 0.75
"""a part below this is worth a word beside the worst"""
WORDS = {
    "size": "too small",
    "sharpness": "too blurred",
    "pose": "turned away",
    "detection": "hard to make out",
    "occlusion": "partly covered",
}
AT_EDGE = 0.01
"""of the face's side"""
IN_THE_WAY = 0.1
"""of the face's box that somebody else's box covers"""


def what_spoils(parts: Mapping[str, float] | None, brightness: float) -> str:
    """The defects of a poor face, the worst first, as "too blurred (0.12) and turned away (0.55)".

    Args:
        parts: of the quality, in [0, 1]; None where they are not known, of which nothing can be said.
        brightness: mean grey of the face, 0 to 255, which tells what is wrong with its light.
    """
    if not parts:
        return ""
    ordered = sorted(parts.items(), key=lambda part: part[1])
    told = [part for part in ordered if part[1] < SPOILT][:2] or ordered[:1]
    return " and ".join(f"{_word(name, brightness)} ({value:.2f})" for name, value in told)


def spoiled_frame(image: U8, faces: Faces, row: int) -> str | None:
    """What is wrong with how a photo (H, W, 3) frames one of its faces; None where nothing is.

    Neither shows in the crop. A tenth of a face cut off adds 0.3 to the squared L2 distance to the whole face
    (docs/quality.md), and of two faces in one crop the vector is of neither.
    """
    height, width = image.shape[:2]
    box = faces.boxes[row]
    x0, y0, x1, y1 = box.tolist()
    nearest = min(x0, y0, width - x1, height - y1)
    if nearest < AT_EDGE * min(x1 - x0, y1 - y0):
        return "the face is cut off by the photo's edge; take one that shows all of it, or give --force"
    others = np.delete(faces.boxes, row, axis=0)
    if np.any(_shared(box, others) > IN_THE_WAY):
        return "another face is in the way; take a photo of them alone, or give --force"
    return None


def mean_brightness(image: U8, box: F32) -> float:
    """Mean grey, 0 to 255, of a box (4,) of a photo (H, W, 3); 0 where it lies outside."""
    x0, y0, x1, y1 = np.clip(np.rint(box), 0, None).astype(np.int64).tolist()
    inside = image[y0:y1, x0:x1]
    return float(inside.mean()) if inside.size else 0.0


def _word(part: str, brightness: float) -> str:
    if part != "exposure":
        return WORDS.get(part, f"poor {part}")
    if brightness < DARK:
        return "too dark"
    return "too bright" if brightness > BRIGHT else "too little contrast"


def _shared(box: F32, others: F32) -> F32:
    """Which part of the box (4,) each of the others (N, 4) covers."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    area = float(np.prod(box[2:] - box[:2]))
    return np.asarray(np.prod(np.clip(sides, 0.0, None), axis=1) / max(area, 1e-6), np.float32)
