"""A detector that remembers, so that the same clips can be run again and again with other galleries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pipeline.arrays import U8

if TYPE_CHECKING:
    from pipeline.detection.look import Detector, Look
    from pipeline.types import Faces

Asked = TypeVar("Asked")


class RememberingDetector:
    """Answers at once for pictures that it has seen before; else asks the detector.

    Changes no result: the same picture, looked at in the same way, gives the same faces, whatever it is detected
    with (docs/architecture.md). Keeps a few hundred bytes a picture, for as long as it lives. For one thread.
    """

    def __init__(self, detector: Detector) -> None:
        from pipeline.detection.look import frame_detector

        self.name = detector.name
        self._detector = detector
        self._frames = frame_detector(detector)
        self._known: dict[bytes, Faces] = {}

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of images (H, W, 3) RGB, one `Faces` an image. Raises what the detector raises."""
        return self._remembered([_key(image) for image in images], images, self._detector.detect)

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        """Faces of frames, one `Faces` a look. Raises what the detector raises."""
        return self._remembered([_key_of_look(look) for look in looks], looks, self._frames.look)

    def _remembered(
        self, keys: list[bytes], asked: Sequence[Asked], ask: Callable[[Sequence[Asked]], list[Faces]]
    ) -> list[Faces]:
        new = {key: each for key, each in zip(keys, asked, strict=True) if key not in self._known}
        if new:
            self._known |= dict(zip(new, ask(list(new.values())), strict=True))
        return [self._known[key] for key in keys]


def _key(image: U8, how: str = "") -> bytes:
    seen = blake2b(f"{image.shape}{how}".encode(), digest_size=16)
    seen.update(np.ascontiguousarray(image).data)
    return seen.digest()


def _key_of_look(look: Look) -> bytes:
    return _key(look.pixels.to_host(), repr((look.placement, look.patches, look.canvas)))
