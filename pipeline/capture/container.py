"""Opening a recording: is it one, which of its streams is the video, when was it taken, is it all there."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from pipeline.capture.readable import check_readable
from pipeline.errors import SourceError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR_FUTURE = datetime(3000, 1, 1, tzinfo=UTC)

TEXT_ART = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""FFmpeg paints text files as video; nobody means that"""

COUNTED = frozenset({"mov", "avi"})
"""containers whose header counts frames (stsz, avih); others count while they are read, or never"""

TIMED = frozenset({"mov", "matroska", "flv", "asf"})
"""containers whose header says how long they are; for others FFmpeg estimates it from what is there"""

FEW = 3
"""frames that may be missing: muxers miscount by one or two, and a lost last frame is no event"""

SHORT_BY_S = 1.0
"""a recording that ends this much before its header says broke off. Headers round, and count a last frame's
duration, so less is nothing"""


def open_container(path: Path) -> InputContainer:
    """The container of a recording, opened by FFmpeg.

    Raises:
        SourceError: there is no such file, it may not be read, or it is not a recording.
    """
    check_readable(path, "recording")
    try:
        # "file:" and the whitelist: a name such as "rtsp:1.mp4" is a file, and a playlist fetches nothing.
        container = av.open(
            f"file:{path.absolute()}",
            mode="r",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
        )
    except (av.FFmpegError, ValueError) as error:
        raise SourceError(f"{path}: {_why_unreadable(path)}") from error
    if container.format.name in TEXT_ART:
        container.close()
        raise SourceError(f"{path}: is text, not a video; give a recording that FFmpeg reads")
    return container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream to watch: FFmpeg's choice, but never a cover picture.

    Raises:
        SourceError: there is none, or no decoder for it.
    """
    moving = [s for s in container.streams.video if not Disposition.attached_pic & s.disposition]
    if not moving:
        held = "only audio" if container.streams.audio else "no video"
        raise SourceError(f"{path}: holds {held}; give a file with a video stream")
    brand = container.metadata.get("major_brand", "")
    if brand in ("heic", "heix", "mif1") and len(moving) > 1:
        raise SourceError(f"{path}: is a HEIC picture in tiles, which is not read; convert it to JPEG or PNG")
    best = container.streams.best("video")
    stream = next((s for s in moving if best is not None and s.index == best.index), moving[0])
    if stream.codec_context is None:
        raise SourceError(f"{path}: its video codec is unknown to this FFmpeg; convert it to H.264")
    return stream


def started_at(container: InputContainer, stream: VideoStream) -> datetime:
    """When the recording began as its creation_time says, else the epoch: the same file, the same times."""
    for metadata in (container.metadata, stream.metadata):
        text = metadata.get("creation_time")
        if text is None:
            continue
        try:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        # Cameras without a set clock write 1904, where QuickTime's clock begins, or a random number.
        if EPOCH < moment < FAR_FUTURE:
            return moment
    return EPOCH


class Promise:
    """What a header says will come, to be held against what came.

    A recording that was cut off (a copy that stopped, a full disk) often ends without any error. The header
    knows better where it counts frames or says a duration; both are only promises, so `FEW` missing frames and
    less than `SHORT_BY_S` are nothing.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        family = container.format.name.split(",")[0]
        # After an edit list only the index knows how many packets are left of the frames the header counts.
        indexed = len(stream.index_entries) if family == "mov" else stream.frames
        self.packets = min(stream.frames, indexed) if family in COUNTED else 0
        """of the video stream; 0 where nothing is promised"""
        # AVI has a fixed rate, and counts the places of frames that its writer dropped or that others last
        # into; FFmpeg gives no packets for those, but its decoding times count them too.
        self._by_place = family == "avi"
        self._came = 0
        self._longest = 0
        """places that a frame lasted beyond its own; the last one may too"""
        self.judges = family in COUNTED | TIMED
        """whether the container says where it should end; a transport stream may be cut anywhere"""
        timed = family in TIMED and container.duration is not None
        self.duration_s = (container.duration or 0) / av.time_base if timed else None
        """of the longest stream"""

    def count(self, packet: Packet[Stream]) -> None:
        """Take in a packet of the video stream."""
        place = packet.dts if self._by_place and packet.dts is not None else self._came
        self._longest = max(self._longest, place - self._came)
        self._came = place + 1

    def broken_by(self, last_s: float) -> str | None:
        """What is missing after the packets counted, and so many seconds of the longest stream, or None."""
        missing = self.packets - self._came
        if missing > FEW + self._longest:
            return f"{missing} of the {self.packets} frames in its header are missing"
        if self.duration_s is not None and self.duration_s - last_s > SHORT_BY_S:
            return f"its header says {self.duration_s:.1f} s"
        return None


def duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds that the stream, else the container, says it lasts."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def rate(stream: VideoStream) -> Fraction | None:
    """Average frames a second as the header says, None for nothing or nonsense."""
    for claimed in (stream.average_rate, stream.guessed_rate):
        if claimed is not None and 0 < claimed <= 1000:
            return claimed
    return None


def _why_unreadable(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free"):
        return "is cut off: the index at its end (moov) is missing; copy it again or recover it (untrunc)"
    return "is not a video that FFmpeg reads; give a recording, or convert it to MP4"
