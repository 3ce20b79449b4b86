"""A detector that remembers, so that the same clips can be run again and again with other galleries."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from pipeline.arrays import U8

if TYPE_CHECKING:
    from pipeline.detection.stage import Detector
    from pipeline.types import Faces


class RememberingDetector:
    """Answers at once for pictures that it has seen before; else asks the detector.

    Changes no result: the same picture gives the same faces, whatever it is detected with (docs/architecture.md).
    Keeps a few hundred bytes a picture, for as long as it lives. For one thread.
    """

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self._detector = detector
        self._known: dict[bytes, Faces] = {}

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of images (H, W, 3) RGB, one `Faces` an image. Raises what the detector raises."""
        keys = [_key(image) for image in images]
        new = {key: image for key, image in zip(keys, images, strict=True) if key not in self._known}
        if new:
            self._known |= dict(zip(new, self._detector.detect(list(new.values())), strict=True))
        return [self._known[key] for key in keys]


def _key(image: U8) -> bytes:
    seen = blake2b(repr(image.shape).encode(), digest_size=16)
    seen.update(np.ascontiguousarray(image).data)
    return seen.digest()
