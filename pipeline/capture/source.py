"""What a camera or a recording promises to the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.types import Frame


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open. What a header only claims is named so."""

    width: int
    """pixels of the first frame, after rotation; later frames may differ, each says its own"""
    height: int
    """pixels of the first frame, after rotation"""
    rate_from_header_hz: float | None
    """average frames a second that the container claims; None where it claims none"""
    duration_from_header_s: float | None
    """seconds that the container claims; None where it claims none"""
    started_at: datetime
    """UTC, the moment of pts_s 0"""
    recording_id: str
    """12 hexadecimal characters: the same for the same recording whatever its file is called; random when live"""
    codec: str
    """FFmpeg's name of the decoder, `h264`"""
    container: str
    """FFmpeg's name of the container, `mov,mp4,m4a,3gp,3g2,mj2`"""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a source's size must be at least 1x1, got {self.width}x{self.height}")
        if self.started_at.utcoffset() is None:
            raise ValueError(f"started_at must carry a time zone, got {self.started_at.isoformat()}")


class Source(Protocol):
    """Frames of one camera.

    `open` is called first and once, then `frames` once; one thread calls both and iterates. `close` may be
    called from any thread, at any time, once or more.
    """

    @property
    def camera(self) -> str:
        """The name that frames and events carry."""
        ...

    def open(self) -> SourceInfo:
        """Acquire the source and look at its first frame. May be slow.

        Raises:
            SourceError: nothing can be read from it; the message is one line that says how to repair.
        """
        ...

    def frames(self) -> Iterator[Frame]:
        """Every frame, in the order of display; `pts_s` never decreases and `index` counts from 0.

        Blocks as long as the next frame takes, and ends soon after `close`: at most one packet later. The
        pixels of a frame may be asked for on any thread, also after the source was closed.

        Raises:
            BrokenRecordingError: a recording that cannot be read to its end, after every good frame before
                that was yielded; names file, frame and second.
        """
        ...

    def close(self) -> None:
        """Release everything and end `frames`, which may be running or waiting. Never raises."""
        ...
