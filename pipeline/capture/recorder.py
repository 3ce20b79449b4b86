"""Writes frames as a video file that every player opens: H.264, yuv420p, index in front."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.stream import VideoStream

from pipeline.arrays import U8, check_array
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from av.container import OutputContainer

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""file name extension -> FFmpeg's muxer"""

CODECS = ("libx264", "libopenh264", "mpeg4")
"""tried in this order; PyAV's wheels carry libx264, a distribution's FFmpeg may not"""

TICKS_PER_S = 90_000
"""Time base: whole ticks a frame at 24, 25, 30, 50, 60 and the 1001 rates, and fine enough for variable rates."""

ENCODER_THREADS = 4
"""Fixed, because libx264's output depends on their number, and FFmpeg would take it from the machine."""

X264_OPTIONS = {
    "preset": "veryfast",
    "crf": "20",
    "x264-params": "sync-lookahead=0:lookahead-threads=1",
}
"""The quickest preset that keeps the fine edges of labels; 20 looks like the source at twice its usual size. With a
thread that looks ahead by itself, one file in 200 had a byte more than the others of the same frames (x264 of FFmpeg 8
in PyAV 18); without, none of 3,900."""

Progress = Callable[[int], None]
"""called after each frame with the frames written so far"""


class Recorder:
    """Writes RGB frames to a video file; the file appears under its name when it is whole, at `close`.

    Until then it grows beside it as `.NAME.part`. Leaving a `with` block by an exception removes that. The same
    frames give the same bytes. An odd width or height is padded by repeating the last column or row, because
    yuv420p halves both.

    >>> with Recorder(Path("out.mp4"), 1280, 720, Fraction(25)) as recorder:  # doctest: +SKIP
    ...     recorder.write(pixels)
    """

    def __init__(
        self, path: Path, width: int, height: int, rate: Fraction | float, progress: Progress | None = None
    ) -> None:
        """Raise BadInputError when no video can be written under this extension."""
        check_extension(path)
        if width < 1 or height < 1 or rate <= 0:
            raise ValueError(f"width, height and rate must be positive, got {width}, {height}, {rate}")
        self.path = path
        self.width = width
        self.height = height
        self.frames = 0
        self._rate = Fraction(rate).limit_denominator(TICKS_PER_S)
        self._progress = progress
        self._part = path.with_name(f".{path.name}.part")
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._last_tick = -1

    def open(self) -> None:
        """Create the file. Raises OutsideError where it cannot be written."""
        muxer = FORMATS[self.path.suffix.lower()]
        try:
            # bitexact: no random identifiers (Matroska), no version of the writing library
            self._container = av.open(
                str(self._part),
                mode="w",
                format=muxer,
                options={"fflags": "+bitexact"} | ({} if muxer == "matroska" else {"movflags": "+faststart"}),
            )
            self._stream = self._add_stream(self._container)
            self._container.start_encoding()
        except (FFmpegError, OSError) as error:
            self._discard()
            raise self._unwritable(error) from error

    def write(self, pixels: U8, pts_s: float | None = None) -> None:
        """Append a frame.

        `pixels` is (height, width, 3) RGB. `pts_s` is its time in seconds since the first frame's; without it
        frames follow each other at `rate`. A time that is not later than the last one's becomes the next tick.
        Raises OutsideError when the disk is full.
        """
        if self._container is None or self._stream is None:
            raise RuntimeError("open the recorder before writing, and do not write after close")
        check_array("pixels", pixels, np.uint8, (self.height, self.width, 3))
        due_s = Fraction(self.frames) / self._rate if pts_s is None else Fraction(pts_s)
        tick = max(round(due_s * TICKS_PER_S), self._last_tick + 1)
        frame = av.VideoFrame.from_ndarray(_even(pixels), format="rgb24")
        frame.pts = tick
        frame.time_base = Fraction(1, TICKS_PER_S)
        try:
            self._container.mux(self._stream.encode(frame))
        except (FFmpegError, OSError) as error:
            self._discard()
            raise self._unwritable(error) from error
        self._last_tick = tick
        self.frames += 1
        if self._progress is not None:
            self._progress(self.frames)

    def close(self) -> None:
        """Finish the file and give it its name; does nothing when called again.

        Raises BadInputError when no frame was written, and OutsideError when the file cannot be finished.
        """
        if self._container is None or self._stream is None:
            return
        if self.frames == 0:
            self._discard()
            raise BadInputError(f"cannot write {self.path}: no frame was given")
        container, stream = self._container, self._stream
        try:
            container.mux(stream.encode(None))
            self._container = None
            container.close()
            os.replace(self._part, self.path)
        except (FFmpegError, OSError) as error:
            self._discard()
            raise self._unwritable(error) from error

    def abandon(self) -> None:
        """Drop what was written; a file that had the name before stays as it was."""
        self._discard()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        codec = _choose_codec()
        # H.264 streams are named by average rate; the ticks below are what counts
        stream = container.add_stream(codec, rate=self._rate)
        assert isinstance(stream, VideoStream)
        stream.width = self.width + self.width % 2
        stream.height = self.height + self.height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.thread_count = ENCODER_THREADS
        if codec == "libx264":
            stream.codec_context.options = dict(X264_OPTIONS)
        else:
            stream.codec_context.bit_rate = max(200_000, int(0.1 * stream.width * stream.height * self._rate))
        return stream

    def _discard(self) -> None:
        container, self._container, self._stream = self._container, None, None
        if container is not None:
            # what cannot be finished is removed all the same
            with suppress(FFmpegError, OSError):
                container.close()
        self._part.unlink(missing_ok=True)

    def _unwritable(self, error: Exception) -> OutsideError:
        code = getattr(error, "errno", None)
        if code == errno.ENOSPC:
            reason = "the disk is full; free some space or choose another place"
        elif code == errno.ENOENT:
            reason = f"there is no folder {self.path.parent}; create it or choose another place"
        elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = f"{self.path.parent} may not be written; choose another place"
        else:
            reason = str(error)
        return OutsideError(f"cannot write {self.path}: {reason}")


def check_path(path: Path) -> None:
    """Raise BadInputError when no video can be written there: before the work, and not after it."""
    check_extension(path)
    if not path.parent.is_dir():
        raise BadInputError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    if path.is_dir():
        raise BadInputError(f"cannot write {path}: it is a folder; name a file")


def check_extension(path: Path) -> None:
    """Raise BadInputError when no video can be written under this extension."""
    if path.suffix.lower() not in FORMATS:
        raise BadInputError(
            f"cannot write {path}: a video's name must end in one of {', '.join(FORMATS)}, for example "
            f"{path.stem or 'out'}.mp4"
        )


def _choose_codec() -> str:
    """The first of CODECS that this FFmpeg can encode. Raises OutsideError."""
    for name in CODECS:
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    raise OutsideError(
        f"this FFmpeg encodes none of {', '.join(CODECS)}; install PyAV from its wheel: pip install av"
    )


def _even(pixels: U8) -> U8:
    """Pixels (H, W, 3) with odd sides made even by repeating the last row or column."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(pixels)
