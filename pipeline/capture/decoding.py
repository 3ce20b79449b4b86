"""Decoding one video stream, packet by packet, past what is damaged and up to where it ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.codec.context import ThreadType
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from pipeline.capture.container import FEW, Promise, open_container, rate, video_stream
from pipeline.capture.cut_short import ends_early
from pipeline.capture.rgb import UPRIGHT, Orientation, orientation_of
from pipeline.capture.timeline import Timeline
from pipeline.errors import SourceError

log = logging.getLogger(__name__)

SEEK_FROM_S = 10.0
"""an earlier start is decoded to from the beginning, which is exact in every format and takes a second"""

SEEK_MARGINS_S = (1.0, 15.0)
"""how long before the target to look for a keyframe, the second where the first found none: demuxers without
an index land anywhere, and those that go by decoding time a few frames late"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame, where it belongs, and how to turn it upright."""

    frame: av.VideoFrame
    pts_s: float
    """seconds since the recording's first frame"""
    orientation: Orientation
    width: int
    """pixels, upright"""
    height: int
    """pixels, upright"""


@dataclass(frozen=True, slots=True)
class Damage:
    """What of the video could not be decoded while the decoder went on."""

    packets: int = 0
    """refused by the decoder: frames that are missing"""
    frames: int = 0
    """given, but with holes that the decoder filled from their neighbours"""
    first_frame: int = 0
    """frames decoded before the first damage"""
    first_s: float = 0.0
    """second of the last whole frame before it"""


class Decoding:
    """Pictures of one video stream, a packet at a time. Not for two threads at once.

    A packet that the decoder refuses is counted and passed over. H.264 goes on with the next one, fills holes
    from the neighbours and flags such frames; HEVC fills without a word. They are given and counted, since a
    camera on a bad line has many, and detector and quality gate judge them like any blurred one. Only when
    nothing comes after the damage did the recording break. A packet that the file's end cuts short is never
    decoded: half a picture is not a frame.
    """

    def __init__(self, path: Path, threads: int) -> None:
        """
        Raises:
            SourceError: the file cannot be opened, or holds no video.
        """
        self.container = open_container(path)
        try:
            self.stream = video_stream(self.container, path)
        except SourceError:
            self.container.close()
            raise
        stream = self.stream
        assert stream.time_base is not None
        self._path = path
        # With more than one, frame threads: 1080p H.264 decodes 1.6 times as fast on two. But they fill holes
        # with whatever their neighbour has decoded by then, so a damaged file is another one each time.
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = ThreadType.AUTO
        self._timeline = Timeline(stream.time_base, rate(stream))
        # AVI knows decoding times only; with B-frames FFmpeg's presentation times for it run 1, 4, 3.
        self._has_pts = self.container.format.name != "avi"
        self._fallback = _tagged_orientation(stream)
        self._promise = Promise(self.container, stream)
        family = self.container.format.name.split(",")[0]
        self._ends_early = ends_early(path, family)
        # FFmpeg gives what is there of a GIF's last picture, and does not say that it is not all.
        self._last_is_cut = self._ends_early and family == "gif"
        self._packets: Iterator[Packet[Stream]] = self.container.demux()
        self._held: Packet[Stream] | None = None
        self._furthest_s = 0.0
        self._frames = 0
        self._refused_since_frame = 0
        self.damage = Damage()
        self.last_s = 0.0
        """second of the last picture given"""
        self.broken: str | None = None
        """at the end of the stream: why it is not the end that the header promised"""

    def first(self) -> list[Picture]:
        """Pictures of the first packets that give any; empty where none does up to the end."""
        while (pictures := self.step()) is not None:
            if pictures:
                return pictures
        return []

    def seek(self, start_s: float) -> list[Picture]:
        """Go to a keyframe at or before this second, and the first pictures from there.

        Empty where the format does not allow it; the decoding is of no use then, and the caller starts anew.
        """
        assert self.stream.time_base is not None
        origin = self._timeline.origin
        for margin_s in SEEK_MARGINS_S if origin is not None else ():
            stamp = self._timeline.stamp_at(max(start_s - margin_s, 0.0))
            assert stamp is not None
            try:
                self.container.seek(stamp, stream=self.stream)
            except (av.FFmpegError, OverflowError):  # or a second that no stamp has room for
                return []
            self._packets, self._held = self.container.demux(), None
            self._timeline = Timeline(self.stream.time_base, rate(self.stream), origin)
            # What the header counts is no longer what will come.
            self._promise.packets = 0
            pictures = self._from_keyframe()
            if pictures and self._timeline.stamped and pictures[0].pts_s <= start_s:
                return pictures
        return []

    def step(self) -> list[Picture] | None:
        """Pictures that the next packet completes, in the order of display; None at the end."""
        try:
            packet = next(self._packets, None)
        except av.FFmpegError as error:
            self.broken = f"it cannot be read further ({error.strerror})"
            return self._flush()
        if packet is None:
            return None
        if packet.size == 0 and packet.dts is None:
            # PyAV's own mark of the end, one a stream; its stream_index is always 0.
            return self._flush() if packet.stream.index == self.stream.index else []
        self._note(packet)
        pictures = [] if self._held is None else self._decode(self._held)
        self._held = None
        if packet.stream_index != self.stream.index or packet.size == 0:
            return pictures
        if self._last_is_cut or (packet.is_corrupt and self._promise.judges):
            self._held = packet
            return pictures
        return pictures + self._decode(packet)

    def close(self) -> None:
        """Release the decoder and the file."""
        self._packets = iter(())
        self._held = None
        self.container.close()

    def _from_keyframe(self) -> list[Picture]:
        while (pictures := self.step()) is not None:
            for row, picture in enumerate(pictures):
                if picture.frame.key_frame:
                    return pictures[row:]
        return []

    def _note(self, packet: Packet[Stream]) -> None:
        """Count what came, for the promise."""
        if packet.stream_index == self.stream.index:
            self._promise.count(packet)
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            self._furthest_s = max(
                self._furthest_s, float((stamp + (packet.duration or 0)) * packet.time_base)
            )

    def _decode(self, packet: Packet[Stream] | None) -> list[Picture]:
        try:
            frames = self.stream.codec_context.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self._refuse()
            return []
        if frames:
            self._refused_since_frame = 0
        return [self._picture(frame) for frame in frames]

    def _refuse(self) -> None:
        self._refused_since_frame += 1
        self._count_damage(packets=1)

    def _count_damage(self, packets: int = 0, frames: int = 0) -> None:
        if self.damage == Damage():
            self.damage = Damage(first_frame=self._frames, first_s=self.last_s)
            where = f"at frame {self._frames}, after {self.last_s:.2f} s"
            log.warning("%s: damaged %s; going on", self._path, where)
        known = self.damage
        self.damage = replace(known, packets=known.packets + packets, frames=known.frames + frames)

    def _picture(self, frame: av.VideoFrame) -> Picture:
        if frame.is_corrupt:
            self._count_damage(frames=1)
        orientation = orientation_of(frame, self._fallback)
        width, height = orientation.size(frame.width, frame.height)
        self.last_s = self._timeline.next_s(frame.pts if self._has_pts else None, frame.dts)
        self._frames += 1
        return Picture(frame, self.last_s, orientation, width, height)

    def _flush(self) -> list[Picture]:
        """The pictures still in the decoder; and was that all there should be?"""
        self._packets = iter(())
        pictures = self._decode(None)
        if self.broken is None and self._held is not None:
            self.broken = "the file ends inside a frame"
        if self.broken is None and self._refused_since_frame > FEW:
            self.broken = f"the {self._refused_since_frame} packets after it cannot be decoded"
        if self.broken is None:
            self.broken = self._promise.broken_by(self._furthest_s)
        if self.broken is None and self._ends_early:
            self.broken = "the file is shorter than its header says"
        return pictures


def _tagged_orientation(stream: VideoStream) -> Orientation:
    """What an old `rotate` tag says, in degrees clockwise; newer files carry a display matrix instead."""
    # Matroska writes tags in capitals.
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    try:
        return Orientation(False, round(float(tags.get("rotate", "0")) / 90.0) % 4)
    except (ValueError, OverflowError):
        return UPRIGHT
