"""The part of a photo that is kept with a template: the face and what is around it."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.arrays import F32, U8
from pipeline.gallery.storage.records import Crop

SURROUNDINGS = 0.5
"""of the box's side, kept on each side of it: detectors and other models' crops need to see past the box"""

MAX_FACE_PX = 224
"""longer side of the box; larger faces are scaled down to it, the largest input that face embedders have. A crop
is then 100 to 250 kB"""


def cut_face(image: U8, box: F32, landmarks: F32) -> Crop:
    """Cut one face, box (4,) and landmarks (5, 2) in pixels, out of an RGB image (H, W, 3)."""
    height, width = image.shape[:2]
    side = box[2:] - box[:2]
    low = np.clip(np.floor(box[:2] - SURROUNDINGS * side), 0, (width - 1, height - 1)).astype(np.int64)
    high = np.clip(np.ceil(box[2:] + SURROUNDINGS * side), low + 1, (width, height)).astype(np.int64)
    pixels = image[low[1] : high[1], low[0] : high[0]]
    scale = np.ones(2)
    if side.max() > MAX_FACE_PX:
        size = np.maximum(np.round((high - low) * (MAX_FACE_PX / side.max())), 1).astype(np.int64)
        scale = size / (high - low)
        pixels = cv2.resize(pixels, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    written, png = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR))
    assert written
    return Crop(
        png=png.tobytes(),
        box=((box.reshape(2, 2) - low) * scale).ravel().astype(np.float32),
        landmarks=((landmarks - low) * scale).astype(np.float32),
    )


def crop_pixels(crop: Crop) -> U8:
    """The pixels (H, W, 3) of a crop, RGB. Raises ValueError where its bytes are no image."""
    decoded = cv2.imdecode(np.frombuffer(crop.png, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("the crop's bytes are no PNG image")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
