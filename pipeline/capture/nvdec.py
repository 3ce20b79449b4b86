"""Recordings decoded on the GPU: the container is read as ever, and pictures stay in the GPU's memory.

Demuxing, timestamps, seeking, rotation and what is said of damage are those of `FileSource`. H.264 and HEVC define
every bit of what a decoder gives, and kernels turn NV12 into RGB as FFmpeg does: so the frames are the same ones.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

import av
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream

from engines.backends.cuda.surface import Colour, Layout, Surface
from pipeline.capture.decoding import Decoding, Picture
from pipeline.capture.file import FileSource
from pipeline.capture.hardware import DecodedAt, MakeHardware, RefusedPacketError
from pipeline.capture.pynvvideocodec import NvdecDecoder
from pipeline.capture.rgb import Orientation
from pipeline.capture.source import SourceInfo
from pipeline.clock import Clock
from pipeline.device.lane import Lane
from pipeline.device.pixels import DeviceFramePixels
from pipeline.device.shared import SharedGpu
from pipeline.errors import OutsideError, SourceError
from pipeline.types import Frame

log = logging.getLogger(__name__)

ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
"""codecs that are decoded here, by FFmpeg's name, and what brings their packets into the form that NVDEC takes"""
FORMATS = frozenset({"yuv420p", "yuvj420p", "nv12"})
"""8 bits, a colour for each 2 x 2 pixels"""
BT709 = 1
FULL_RANGE = 2
"""FFmpeg's numbers (libavutil/pixfmt.h: AVCOL_SPC_BT709, AVCOL_RANGE_JPEG)"""
BT601 = frozenset({2, 5, 6})
"""those of BT.601, and of pictures that do not say"""
UNDERWAY = 64
"""packets whose picture has not come yet; a decoder holds 16 at most, so what is older gave none"""


Decoder = Literal["software", "nvdec", "auto"]


class UnfitError(SourceError):
    """A recording that can be decoded, but not by the hardware."""


class FileOptions(TypedDict, total=False):
    """What `FileSource` takes by name."""

    start_s: float | None
    end_s: float | None
    started_at: datetime | None
    realtime: bool
    threads: int
    clock: Clock | None


@dataclass(frozen=True, slots=True)
class Given:
    """What a packet said of its picture."""

    pts: int | None
    dts: int | None
    is_keyframe: bool
    is_corrupt: bool


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """Stands where software decoding has an `av.VideoFrame`: what `Decoding` asks of one, and where it is."""

    surface: Surface
    """as stored"""
    width: int
    height: int
    pts: int | None
    dts: int | None
    key_frame: bool
    is_corrupt: bool
    side_data: Mapping[Any, None] = field(default_factory=dict)
    """none: how the recording is turned is told by its first frame"""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the first frame of a recording, decoded in software, says of all."""

    orientation: Orientation
    colour: Colour | None
    """None: its colours are none that kernels know"""
    pixel_format: str

    @staticmethod
    def at(path: Path) -> Looked:
        """Of this recording. Raises SourceError where there is none."""
        decoding = Decoding(path, threads=1)
        try:
            pictures = decoding.first()
            if not pictures:
                raise SourceError(f"{path}: not one frame of its video can be decoded; copy it again")
            frame = pictures[0].frame
            return Looked(pictures[0].orientation, colour_of(frame), frame.format.name)
        finally:
            decoding.close()


def colour_of(frame: av.VideoFrame) -> Colour | None:
    """How a frame's numbers are coloured, as FFmpeg's conversion understands them."""
    full = frame.color_range == FULL_RANGE or frame.format.name == "yuvj420p"
    if frame.colorspace in BT601:
        return Colour.BT601_FULL if full else Colour.BT601_LIMITED
    if frame.colorspace == BT709:
        return Colour.BT709_FULL if full else Colour.BT709_LIMITED
    return None


class NvdecDecoding(Decoding):
    """`Decoding` whose pictures are made by a hardware decoder. Not for two threads at once."""

    def __init__(self, path: Path, gpu: SharedGpu, make: MakeHardware) -> None:
        """
        Raises:
            SourceError: the file cannot be opened, holds no video, or none that the hardware decodes.
            OutsideError: there is no hardware decoder.
        """
        looked = Looked.at(path)
        super().__init__(path, threads=1)
        try:
            self._check(path, looked)
            self._fallback = looked.orientation
            self._make = make
            self._hardware = make(self.stream.codec_context.name)
        except (SourceError, OutsideError):
            super().close()
            raise
        self._colour = looked.colour or Colour.BT601_LIMITED
        self._gpu = gpu
        self._lane = Lane(gpu.driver)
        self._filter = self._new_filter()
        self._given: OrderedDict[int, Given] = OrderedDict()
        self._count = 0

    def seek(self, start_s: float) -> list[Picture]:
        """See `Decoding.seek`; what the decoder still held is dropped."""
        self._hardware.close()
        self._hardware, self._filter = self._make(self.stream.codec_context.name), self._new_filter()
        self._given.clear()
        return super().seek(start_s)

    def close(self) -> None:
        """Release the decoder, what it needed on the GPU, and the file."""
        self._hardware.close()
        with self._gpu.driver.current():
            self._lane.close()
        super().close()

    def _check(self, path: Path, looked: Looked) -> None:
        codec = self.stream.codec_context.name
        if codec not in ANNEX_B or looked.pixel_format not in FORMATS:
            raise UnfitError(
                f"{path}: NVDEC is used for 8-bit 4:2:0 h264 and hevc, not {codec} {looked.pixel_format}"
            )
        if looked.colour is None:
            raise UnfitError(f"{path}: its colour space is converted in software alone")
        if not self._has_pts:
            raise UnfitError(f"{path}: its container has no presentation times, which NVDEC needs")

    def _new_filter(self) -> BitStreamFilterContext:
        return BitStreamFilterContext(ANNEX_B[self.stream.codec_context.name], self.stream)

    def _decode(self, packet: Packet[Stream] | None) -> list[Picture]:
        with self._gpu.driver.current():
            try:
                pictures = self._pictures(packet)
            except (RefusedPacketError, av.FFmpegError):
                self._refuse()
                return []
        while len(self._given) > UNDERWAY:
            self._given.popitem(last=False)
        if pictures:
            self._refused_since_frame = 0
        return pictures

    def _pictures(self, packet: Packet[Stream] | None) -> list[Picture]:
        if packet is None:
            return [self._taken(each) for each in self._hardware.flush()]
        given = Given(packet.pts, packet.dts, packet.is_keyframe, packet.is_corrupt)
        pictures: list[Picture] = []
        for part in self._filter.filter(packet):
            self._count += 1
            self._given[self._count] = given
            pictures += [self._taken(each) for each in self._hardware.decode(bytes(part), self._count)]
        return pictures

    def _taken(self, decoded: DecodedAt) -> Picture:
        """A picture out of the decoder's memory, which the next one overwrites, in memory of its own."""
        width, height = self.stream.codec_context.width, self.stream.codec_context.height
        pitch, driver = decoded.pitch_bytes, self._gpu.driver
        upper, lower = pitch * height, pitch * -(-height // 2)
        lease = self._gpu.pool.take(upper + lower)
        driver.copy_on_device(lease.pointer, decoded.pointer, upper, self._lane.stream)
        driver.copy_on_device(lease.pointer + upper, decoded.chroma_pointer, lower, self._lane.stream)
        self._lane.synchronise()
        chroma = lease.pointer + upper
        surface = Surface(lease.pointer, width, height, pitch, Layout.NV12, chroma, self._colour, owner=lease)
        given = self._given.pop(decoded.key)
        frame = DecodedFrame(
            surface, width, height, given.pts, given.dts, given.is_keyframe, given.is_corrupt
        )
        return self._picture(cast(av.VideoFrame, frame))


class NvdecFileSource(FileSource):
    """`FileSource` whose frames are on the GPU: the same frames, times and numbers."""

    def __init__(
        self, path: Path, camera: str, gpu: SharedGpu, make: MakeHardware, **options: Unpack[FileOptions]
    ) -> None:
        """`options` are those of `FileSource`; the GPU is opened before and closed after this and its frames."""
        super().__init__(path, camera, **options)
        self._gpu = gpu
        self._make = make

    def _begin(self) -> list[Picture]:
        if self._decoding is not None:
            self._decoding.close()
        self._decoding = NvdecDecoding(self.path, self._gpu, self._make)
        pictures = self._decoding.first()
        if not pictures:
            raise SourceError(f"{self.path}: not one frame of its video can be decoded; copy it again")
        return pictures

    def _frame(self, picture: Picture, index: int, info: SourceInfo) -> Frame:
        decoded, turn = cast(DecodedFrame, picture.frame), picture.orientation
        upright = decoded.surface.turned(turn.mirrored, turn.quarter_turns)
        pixels = DeviceFramePixels(upright, self._gpu.frames.fetch)
        return replace(super()._frame(picture, index, info), pixels=pixels)


@dataclass(frozen=True, slots=True)
class FileDecoding:
    """What decodes the recordings of a run."""

    decoder: Decoder = "software"
    gpu: SharedGpu | None = None
    """open as long as the recordings and their frames; None: no network runs on one"""
    make: MakeHardware = NvdecDecoder

    def probed(self) -> FileDecoding:
        """Itself, or software where "auto" asks for a decoder that is not there; why is said here, once for all
        recordings."""
        if self.decoder != "auto":
            return self
        try:
            if self.gpu is None:
                raise OutsideError("no network runs on a GPU through TensorRT")
            self.make("h264").close()
        except OutsideError as error:
            log.warning("capture.decoder=auto: recordings are decoded in software: %s", error)
            return FileDecoding()
        return self

    def source(self, path: Path, camera: str, **options: Unpack[FileOptions]) -> FileSource:
        """A recording, not open yet; see `file_source`."""
        return file_source(path, camera, self.decoder, self.gpu, self.make, **options)


def file_source(
    path: Path,
    camera: str,
    decoder: Decoder,
    gpu: SharedGpu | None,
    make: MakeHardware,
    **options: Unpack[FileOptions],
) -> FileSource:
    """A recording, decoded on the GPU where that is asked for or, with "auto", possible; a warning says why not.

    `gpu` is None where no engine runs on one.

    Raises:
        OutsideError: "nvdec", and there is no hardware decoder.
        SourceError: "nvdec", and this recording is none for it.
    """
    if decoder == "software" or (decoder == "auto" and gpu is None):
        return FileSource(path, camera, **options)
    try:
        if gpu is None:
            raise OutsideError("capture.decoder=nvdec needs networks on a GPU; set engine.backend=tensorrt")
        NvdecDecoding(path, gpu, make).close()
        return NvdecFileSource(path, camera, gpu, make, **options)
    except (OutsideError, UnfitError) as error:
        if decoder == "nvdec":
            if isinstance(error, UnfitError):
                raise UnfitError(f"{error}; set capture.decoder=auto") from error
            raise
        log.warning("decoding in software: %s", error)
        return FileSource(path, camera, **options)
