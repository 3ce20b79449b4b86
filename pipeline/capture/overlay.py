"""Draws who was recognised onto a recording's frames, and writes them as a new video."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from pipeline.arrays import F64, U8, check_array
from pipeline.capture.recorder import Progress, Recorder
from pipeline.errors import BrokenRecordingError
from pipeline.types import Frame

Colour = tuple[int, int, int]
"""RGB"""

Rectangle = tuple[float, float, float, float]
"""x0 y0 x1 y1 pixels, far edge exclusive"""

# Two of Okabe and Ito's colours (Color Universal Design, 2008), which all common kinds of colour blindness tell
# apart; black text is readable on both (contrast 9:1 and 9.5:1)
KNOWN: Colour = (86, 180, 233)
UNKNOWN: Colour = (230, 159, 0)
TEXT: Colour = (0, 0, 0)
SHADE: Colour = (20, 20, 20)

TEXT_HEIGHT = 0.030
"""of the label's font, as a fraction of the frame's shorter side"""

MIN_TEXT_PX = 9
"""smaller letters cannot be read in any frame"""

FONT_WEIGHT = 600
"""semibold survives video compression"""

DASHES = 7
"""dashes on each side of a box that is only predicted"""

HOLD_S = 0.35
"""In a written video a box is dashed only when the face was not found for this long: the detector looks about ten
times a second, and boxes that change their style in between would flicker."""

SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Drawn:
    """A face to draw on one frame."""

    frame_index: int
    box_px: tuple[float, float, float, float]
    """x0 y0 x1 y1, far edge exclusive"""
    label: str
    """any script that OpenCV's own fonts have: Latin, Greek, Cyrillic, Arabic, Chinese, Japanese"""
    known: bool
    """False: somebody who is not in the gallery, or nobody yet; another colour"""
    observed: bool
    """False: predicted between two looks of the detector; dashed"""


def face_label(name: str | None, distance: float | None, number: int) -> str:
    """What to write at a face: the name, the distance to the gallery's template, and the sighting's number.

    >>> face_label("Zoë", 0.5781, 3)
    'Zoë  0.58  #3'
    >>> face_label(None, None, 4)
    'unknown  #4'
    """
    # the distance of an unknown face is the distance to somebody else, and would be read as his
    shown = "" if name is None or distance is None else f"  {distance:.2f}"
    return f"{'unknown' if name is None else name}{shown}  #{number}"


def annotate(
    frames: Iterable[Frame],
    drawn: Iterable[Drawn],
    path: Path,
    rate: Fraction | float,
    on_progress: Progress | None = None,
) -> int:
    """Write every frame with its faces drawn to a video at `path`; return how many frames.

    `drawn` may come in any order. The video has the size of the first frame; later frames of another size are
    scaled to it. Frames keep their times. Raises what Recorder and `frames` raise.
    """
    by_frame: dict[int, list[Drawn]] = {}
    for face in drawn:
        by_frame.setdefault(face.frame_index, []).append(face)
    recorder: Recorder | None = None
    first_s = 0.0
    found_s: dict[str, float] = {}
    try:
        for frame in frames:
            faces = _hold(by_frame.get(frame.info.index, ()), found_s, frame.info.pts_s)
            picture = draw_faces(frame.pixels.to_host(), faces)
            if recorder is None:
                recorder = Recorder(path, picture.shape[1], picture.shape[0], rate, on_progress)
                recorder.open()
                first_s = frame.info.pts_s
            size = (recorder.width, recorder.height)
            if picture.shape[1::-1] != size:
                picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
            recorder.write(picture, frame.info.pts_s - first_s)
        if recorder is None:
            return 0
        recorder.close()
        return recorder.frames
    except BrokenRecordingError:
        # like its events, the video reaches up to the break
        if recorder is not None:
            recorder.close()
        raise
    finally:
        # a recorder that was closed has nothing left to abandon
        if recorder is not None:
            recorder.abandon()


def draw_faces(pixels: U8, faces: Sequence[Drawn]) -> U8:
    """A copy of `pixels` (H, W, 3) RGB with these faces' boxes, and their labels over all boxes."""
    check_array("pixels", pixels, np.uint8, ("H", "W", 3))
    picture = pixels.copy()
    # nearer faces, which are larger, are drawn last and keep the place at their box
    by_size = sorted(faces, key=lambda face: face.box_px[1] - face.box_px[3])
    for face in reversed(by_size):
        _draw_box(picture, face)
    labels: list[Rectangle] = []
    for face in by_size:
        others = [other.box_px for other in by_size if other is not face]
        labels.append(_draw_label(picture, face, labels, others))
    return picture


def _hold(faces: Sequence[Drawn], found_s: dict[str, float], pts_s: float) -> list[Drawn]:
    """Call faces found that were found HOLD_S ago or less; `found_s` keeps for each label when that was."""
    held = []
    for face in faces:
        if face.observed:
            found_s[face.label] = pts_s
        recently = pts_s - found_s.get(face.label, -math.inf) <= HOLD_S
        held.append(replace(face, observed=recently))
    return held


def _draw_box(picture: U8, face: Drawn) -> None:
    """The box over a dark rim, so that it shows on any background; dashed where predicted."""
    thick = _line_px(picture)
    x0, y0, x1, y1 = face.box_px
    # the far edge is exclusive: the last pixel inside is drawn on
    corners = np.array([(x0, y0), (x1 - 1, y0), (x1 - 1, y1 - 1), (x0, y1 - 1)])
    for colour, width in ((SHADE, thick + 2), (KNOWN if face.known else UNKNOWN, thick)):
        for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            pieces = [(0.0, 1.0)]
            if not face.observed:
                pieces = [(k / DASHES, (k + 0.55) / DASHES) for k in range(DASHES)]
            for low, high in pieces:
                a, b = _fixed(begin + (end - begin) * low), _fixed(begin + (end - begin) * high)
                cv2.line(picture, a, b, colour, width, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_label(
    picture: U8, face: Drawn, labels: Sequence[Rectangle], others: Sequence[Rectangle]
) -> Rectangle:
    """The label at its box, clear of `labels` and, if it can be, of other faces' boxes; returns what it covers."""
    height, width = picture.shape[:2]
    size = max(MIN_TEXT_PX, round(TEXT_HEIGHT * min(height, width)))
    pad = max(2, size // 3)
    font = _font()
    text_width = cv2.getTextSize((width, height), face.label, (0, 0), font, size, FONT_WEIGHT)[2]
    w, h = text_width + 2 * pad, size + 2 * pad
    rim = _line_px(picture) // 2
    flush = round(face.box_px[0]) - rim, round(face.box_px[2]) + rim - w
    left, right = (int(np.clip(x, 0, max(0, width - w))) for x in flush)
    above, below = round(face.box_px[1]) - rim - h, round(face.box_px[3]) + rim
    inside = [y for y in (above, below, above - h, below + h) if 0 <= y <= height - h]
    corners = [(x, y) for y in inside for x in (left, right)]

    def cost(corner: tuple[int, int]) -> tuple[float, float]:
        place = (*corner, corner[0] + w, corner[1] + h)
        return sum(_shared(place, label) for label in labels), sum(_shared(place, box) for box in others)

    x0, y0 = min(corners, key=cost, default=(left, int(np.clip(above, 0, max(0, height - h)))))
    x1, y1 = min(width, x0 + w), min(height, y0 + h)
    picture[y0:y1, x0:x1] = KNOWN if face.known else UNKNOWN
    # the baseline leaves room for a g
    cv2.putText(picture, face.label, (x0 + pad, y0 + pad + round(size * 0.82)), TEXT, font, size, FONT_WEIGHT)
    return x0, y0, x1, y1


def _shared(a: Rectangle, b: Rectangle) -> float:
    """Area that two rectangles share, square pixels."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _line_px(picture: U8) -> int:
    shorter: int = min(picture.shape[:2])
    return max(1, round(shorter / 300))


def _fixed(point: F64) -> tuple[int, int]:
    """A point as OpenCV's fixed-point coordinates."""
    x, y = (np.clip(point, -1e5, 1e5) * (1 << SUBPIXEL_BITS)).round().astype(int).tolist()
    return x, y


@cache
def _font() -> cv2.FontFace:
    """OpenCV 5's own TrueType font, Rubik, which falls back to WenQuanYi Micro Hei and others for more scripts."""
    return cv2.FontFace("sans")
