"""From a decoded frame in any pixel format to upright RGB."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

from pipeline.arrays import U8
from pipeline.pixels import LazyPixels


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned upright: mirrored left to right first, then turned."""

    mirrored: bool = False
    quarter_turns: int = 0
    """clockwise, 0 to 3"""

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return (height, width) if self.quarter_turns % 2 else (width, height)

    def turned(self, degrees: int) -> Orientation:
        """Turned further clockwise by a multiple of 90 degrees."""
        return Orientation(self.mirrored, (self.quarter_turns + degrees // 90) % 4)

    def apply(self, picture: U8) -> U8:
        """The upright picture of (H, W, 3)."""
        if self.mirrored:
            picture = np.asarray(cv2.flip(picture, 1), dtype=np.uint8)
        if self.quarter_turns:
            codes = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
            picture = np.asarray(cv2.rotate(picture, codes[self.quarter_turns - 1]), dtype=np.uint8)
        return picture


UPRIGHT = Orientation()

STRIP_ROWS = 256
"""of a picture laid over a background at a time"""


def orientation_of(frame: av.VideoFrame, fallback: Orientation = UPRIGHT) -> Orientation:
    """What the frame's display matrix says, to the nearest quarter turn; `fallback` where it has none.

    The matrix (libavutil/display.h) is nine int32; a b c d at 0 1 3 4 map stored x, y to a x + c y, b x + d y.
    """
    try:
        matrix = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    except ValueError:
        # FFmpeg knows kinds of side data, EXIF among them, whose names PyAV does not, and then PyAV shows none.
        # Its own reading of the matrix is left, which does not tell a mirrored one.
        return Orientation(False, round(-frame.rotation / 90.0) % 4) if frame.rotation else fallback
    if matrix is None:
        return fallback
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].astype(np.float64)
    mirrored = a * d - b * c < 0
    if mirrored:
        # The picture is mirrored first, so the turn is what is left of the matrix afterwards.
        a, b = -a, -b
    return Orientation(bool(mirrored), round(float(np.degrees(np.arctan2(b, a))) / 90.0) % 4)


class RgbConverter:
    """Makes the pixels of one source's frames, on whichever thread asks for them.

    swscale applies the frame's own matrix (BT.601, BT.709, BT.2020) and range, and brings 10 and 16 bits down
    to 8; there is no tone mapping of HDR. Alpha is laid over black. The sample aspect ratio is ignored: faces
    stay as they were stored, and boxes are fractions of the frame either way.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        # One context of swscale serves all frames, since setting one up costs as much as a small frame's
        # conversion; it cannot serve two threads at once.
        self._lock = threading.Lock()

    def lazy(self, frame: av.VideoFrame, orientation: Orientation) -> LazyPixels:
        """Pixels (H, W, 3) of the upright frame, converted when first asked for."""
        width, height = orientation.size(frame.width, frame.height)
        return LazyPixels((height, width, 3), lambda: self.convert(frame, orientation))

    def convert(self, frame: av.VideoFrame, orientation: Orientation = UPRIGHT) -> U8:
        """Upright RGB (H, W, 3)."""
        target = "rgba" if _has_alpha(frame) else "rgb24"
        with self._lock:
            # One thread: a frame takes 0.6 ms at 1080p, and both cores have networks to run.
            converted = self._reformatter.reformat(frame, format=target, threads=1)
        picture = np.asarray(converted.to_ndarray(), dtype=np.uint8)
        if target == "rgba":
            picture = over(picture, 0)
        return np.ascontiguousarray(orientation.apply(picture))


def over(rgba: U8, background: int) -> U8:
    """RGBA (H, W, 4) with straight alpha over a plain grey, as RGB (H, W, 3)."""
    picture = rgba[..., :3].copy()
    # In strips, so that the wider numbers of a 200 megapixel photo do not take gigabytes.
    for top in range(0, len(rgba), STRIP_ROWS):
        strip = rgba[top : top + STRIP_ROWS]
        alpha = strip[..., 3:].astype(np.uint16)
        if alpha.min() < 255:
            blend = strip[..., :3] * alpha + background * (255 - alpha)
            picture[top : top + STRIP_ROWS] = (blend + 127) // 255
    return picture


def _has_alpha(frame: av.VideoFrame) -> bool:
    # A palette's colours carry alpha too, though the format has one component.
    return frame.format.name == "pal8" or any(part.is_alpha for part in frame.format.components)
