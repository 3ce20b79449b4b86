"""Pictures as files: how one is made, and how it gets to the disk whole."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from pipeline.arrays import F32, U8
from pipeline.events.pictures.shots import Kept, Shot, Still
from pipeline.gallery.keeping.picture_about import About, with_comment
from pipeline.gallery.keeping.snapshots import UNFINISHED, face_of
from pipeline.geometry import fraction_box

FACE_MARGIN = 0.4
"""of the box's longer side, on each side of the face: hair, chin and collar are in it, the neighbour mostly not"""


def develop(still: Still, shots: list[Shot], frame_px: int, jpeg_quality: int) -> None:
    """Make the pictures of a frame and of these faces in it, as far as they are not made yet.

    Args:
        frame_px: longer side of the frame's picture; a larger frame is scaled down. Faces keep their size.
        jpeg_quality: 1 to 100.

    Raises cv2.error, ValueError for pixels of which no picture can be made.
    """
    pixels = still.pixels
    if pixels is None:
        return
    frame = pixels.to_host()
    for shot in shots:
        if shot.face is None:
            shot.face = _jpeg(_cut(frame, shot.box), jpeg_quality)
    if still.jpeg is not None:
        return
    scale = frame_px / max(frame.shape[:2])
    if scale < 1.0:
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        frame = cast(U8, cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    still.jpeg = _jpeg(frame, jpeg_quality)


def about_face(about: About, shot: Shot) -> About:
    """What the face's picture says, beside that of its frame: where the face is in it."""
    info = shot.still.info
    x0, y0, x1, y1 = _window(shot.box, info.width, info.height)
    moved = shot.box - np.array([x0, y0, x0, y0], np.float32)
    box = fraction_box(moved, x1 - x0, y1 - y0)
    return replace(about, box=box)


def write_pictures(data: Path, kept: Kept, about: About) -> int:
    """Write a shot's face, then its frame, each whole or not at all; by how many bytes the folder grew.

    Raises OSError, and ValueError for a shot that was not developed.
    """
    shot = kept.shot
    if shot.still.jpeg is None or shot.face is None:
        raise ValueError(f"{kept.path}: nothing was left to make a picture of")
    path = data / kept.path
    face = with_comment(shot.face, about_face(about, shot).text())
    return _write(face_of(path), face) + _write(path, with_comment(shot.still.jpeg, about.text()))


def _write(path: Path, content: bytes) -> int:
    part = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        try:
            _fill(part, content)
        except FileNotFoundError:  # the folder is new, or was emptied and deleted
            for folder in reversed(path.parents[:3]):  # snapshots, day, camera
                with suppress(FileExistsError):
                    folder.mkdir(mode=0o700)
            _fill(part, content)
        before = _size(path)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    return len(content) - before


def _fill(part: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
        file.write(content)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _cut(frame: U8, box: F32) -> U8:
    """The face with its margin, as far as the frame has it."""
    x0, y0, x1, y1 = _window(box, frame.shape[1], frame.shape[0])
    return frame[y0:y1, x0:x1]


def _window(box: F32, width: int, height: int) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 of the face's picture in whole pixels of the frame; never empty."""
    margin = FACE_MARGIN * float(max(box[2] - box[0], box[3] - box[1], 1.0))
    x0 = min(max(int(box[0] - margin), 0), width - 1)
    y0 = min(max(int(box[1] - margin), 0), height - 1)
    x1 = max(min(int(np.ceil(box[2] + margin)), width), x0 + 1)
    y1 = max(min(int(np.ceil(box[3] + margin)), height), y0 + 1)
    return x0, y0, x1, y1


def _jpeg(rgb: U8, quality: int) -> bytes:
    """Raises cv2.error, ValueError."""
    done, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"no JPEG can be made of {rgb.shape} pixels")
    return encoded.tobytes()
