"""Finding faces in photos, where one may fill the picture and another be a speck in a group.

CenterFace draws good boxes for faces of about 24 to 200 pixels of its input. Measured on LFW faces enlarged:
the overlap of the fitted box with MTCNN's is 0.91 for faces 48 to 190 px wide, 0.88 at 285, 0.85 at 380 and
0.57 at 570 px. A photo is therefore looked at twice, and each face is taken from the look that suits its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import F32, U8, Bools
from pipeline.detection.centerface import CenterFace
from pipeline.geometry import box_areas, shorter_sides
from pipeline.types import Faces

FAR_PX = 1280
"""longer side of the large input: faces down to 1/50 of the photo's side are found"""
WIDEST = 16 / 9
"""a photo with longer sides than this, a panorama, is given a longer input of the same area"""
NEAR = 1 / 4
"""the small input's sides against the large one's: a face that fills the photo is at most 320 px in it"""
NEAR_FACE_PX = 40.0
"""faces whose shorter side has this many pixels in the small input are taken from it; four times as many in
the large one, which then has only to find faces below 160 px"""
MAX_COVERED = 0.5
"""a small box covered by a large face to this part is a piece of it, as an eye taken for a face"""


class PhotoDetector:
    """A detector for single photos, on a CenterFace detector."""

    def __init__(self, centerface: CenterFace) -> None:
        self._centerface = centerface
        self.name = centerface.name

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of photos (H, W, 3) RGB, best score first, one `Faces` a photo. Raises BackendError."""
        return [self._detect(image) for image in images]

    def _detect(self, image: U8) -> Faces:
        shorter, longer = sorted(image.shape[:2])
        far_px = round(FAR_PX * max(1.0, longer / shorter / WIDEST) ** 0.5)
        near_px = round(far_px * NEAR)
        (near,) = self._centerface.detect_at([image], near_px)
        if longer <= near_px:
            return near
        near = near.take(shorter_sides(near.boxes) * near_px / longer >= NEAR_FACE_PX)
        (far,) = self._centerface.detect_at([image], far_px)
        far = far.take(~_covered(far.boxes, near.boxes))
        return _joined(near, far)


def _covered(boxes: F32, by: F32) -> Bools:
    """Which boxes (N, 4) are covered by one of `by` (M, 4) to more than MAX_COVERED of the smaller of the two."""
    low = np.maximum(boxes[:, None, :2], by[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], by[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2)
    smaller = np.minimum(box_areas(boxes)[:, None], box_areas(by)[None])
    return np.asarray(np.any(shared > MAX_COVERED * smaller, axis=1))


def _joined(near: Faces, far: Faces) -> Faces:
    faces = Faces(
        np.concatenate([near.boxes, far.boxes]),
        np.concatenate([near.landmarks, far.landmarks]),
        np.concatenate([near.scores, far.scores]),
    )
    return faces.take(np.argsort(-faces.scores, kind="stable"))
