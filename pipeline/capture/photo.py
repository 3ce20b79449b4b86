"""Photos as people have them, upright, in colour and with eight bits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from cv2.utils import logging

from pipeline.arrays import U8
from pipeline.capture.picture_header import FORMATS, PictureHeader, exif_orientation, format_of, read_header
from pipeline.capture.readable import check_readable
from pipeline.capture.rgb import Orientation, over
from pipeline.errors import SourceError

MAX_PIXELS = 200_000_000
"""600 MB decoded. The largest camera has 200 megapixels; more is a map, or a file made to exhaust memory"""

MAX_BYTES = 1 << 30
"""of a file; the largest allowed picture without compression"""

WHITE = 255
"""behind transparent pictures: what paper and most viewers show, and cut-out portraits are lit for"""

EXIF_ORIENTATIONS = (
    Orientation(),
    Orientation(mirrored=True),
    Orientation(quarter_turns=2),
    Orientation(mirrored=True, quarter_turns=2),
    Orientation(mirrored=True, quarter_turns=3),
    Orientation(quarter_turns=1),
    Orientation(mirrored=True, quarter_turns=1),
    Orientation(quarter_turns=3),
)
"""of values 1 to 8 (EXIF 2.32, tag Orientation)"""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file of a folder that is not a photo."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """What files and folders on a command line come to."""

    photos: tuple[Path, ...]
    """files as given, and those in folders that begin like a picture, sorted; each once"""
    skipped: tuple[Skipped, ...]
    """the other files in folders, sorted"""


def read_photo(path: Path) -> U8:
    """A photo as (H, W, 3) RGB, upright as its EXIF asks.

    JPEG (also grey, CMYK, YCCK, progressive), PNG, WebP, BMP, TIFF, AVIF and a GIF's first frame. 16 bits are
    cut to 8, grey and palettes become colours, transparent parts white. No colour profile is applied.

    Raises:
        SourceError: there is no such file, it is no picture that we read, it is damaged or cut off, or it has
            more than 200 megapixels.
    """
    check_readable(path, "photo")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{path}: is larger than 1 GiB; make it smaller")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); copy it again") from error
    return decode_photo(data, str(path))


def decode_photo(data: bytes, name: str) -> U8:
    """The bytes of a picture file as `read_photo` gives them; `name` is for errors. Raises SourceError."""
    picture_format = format_of(data)
    if picture_format is None:
        raise SourceError(f"{name}: is not a photo that we read; give {FORMATS}")
    if picture_format == "HEIC":
        raise SourceError(f"{name}: is HEIC, which we do not read; convert it to JPEG (heif-convert)")
    try:
        header = read_header(data, picture_format)
    except ValueError as error:
        raise SourceError(f"{name}: is a {picture_format} that {error}; copy it again") from error
    if header.width * header.height > MAX_PIXELS:
        raise SourceError(
            f"{name}: has {header.width}x{header.height} pixels, more than 200 million; make it smaller"
        )
    picture = _decode(np.frombuffer(data, np.uint8), header)
    if picture is None:
        raise SourceError(f"{name}: is a damaged or cut off {picture_format}; copy it again")
    return picture


def photos_under(paths: Iterable[Path]) -> FoundPhotos:
    """Photos among these files and below these folders.

    A file that was named is taken as it is, so that reading it says what is wrong with it. In folders, hidden
    files and folders are passed over in silence and other files are told apart by their first bytes, since
    names lie.

    Raises:
        SourceError: a path does not exist, or a folder may not be read.
    """
    photos: list[Path] = []
    skipped: list[Skipped] = []
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: no such file or folder; check the path")
        for file in _files_below(path) if path.is_dir() else ():
            reason = _why_no_photo(file)
            if reason is None:
                photos.append(file)
            else:
                skipped.append(Skipped(file, reason))
        if not path.is_dir():
            photos.append(path)
    return FoundPhotos(tuple(dict.fromkeys(photos)), tuple(dict.fromkeys(skipped)))


def _decode(data: U8, header: PictureHeader) -> U8 | None:
    """Upright RGB, or None for a damaged picture."""
    try:
        with _opencv_silent:
            if header.has_alpha and (seen := _decode_over_white(data)) is not None:
                return seen
            # Turns as EXIF asks, cuts 16 bits to 8, and knows that Adobe stores CMYK inverted.
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        return None
    return None if picture is None else np.ascontiguousarray(picture, dtype=np.uint8)


def _decode_over_white(data: U8) -> U8 | None:
    """Upright RGB of a picture with an alpha channel, or None without one."""
    # Only "unchanged" keeps alpha, and then OpenCV leaves the turning to us.
    stored, kinds, blocks = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    if (
        stored is None
        or stored.ndim != 3
        or stored.shape[2] != 4
        or stored.dtype not in (np.uint8, np.uint16)
    ):
        return None
    if stored.dtype == np.uint16:
        stored = np.right_shift(stored.astype(np.uint16, copy=False), 8).astype(np.uint8)
    rgba = np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA), dtype=np.uint8)
    exif = [
        bytes(block) for kind, block in zip(kinds, blocks, strict=True) if kind == cv2.IMAGE_METADATA_EXIF
    ]
    orientation = EXIF_ORIENTATIONS[(exif_orientation(exif[0]) if exif else 1) - 1]
    return np.ascontiguousarray(orientation.apply(over(rgba, WHITE)))


class _Silence:
    """Keeps OpenCV from writing about damaged files to standard error: the caller tells it in one line.

    Several threads decode at once: the first to come sets the process's log level, the last to go puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = logging.getLogLevel()
                logging.setLogLevel(logging.LOG_LEVEL_SILENT)
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                logging.setLogLevel(self._before)


_opencv_silent = _Silence()


def _files_below(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename}: may not be read; change its permissions") from error

    found: list[Path] = []
    for here, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(Path(here, name) for name in files if not name.startswith("."))
    return sorted(found)


def _why_no_photo(path: Path) -> str | None:
    if not path.is_file():
        return "not a file"  # a pipe would be waited on for ever
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    kind = format_of(head)
    if kind is None:
        return "empty" if not head else "not a photo"
    return "HEIC, which we do not read" if kind == "HEIC" else None
