"""Recordings that tests make for themselves: each frame is grey, and how grey says which frame it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from pipeline.arrays import U8
from pipeline.capture.file import FileSource
from pipeline.types import Frame

FRAMES = 30
RATE = 25
WIDTH, HEIGHT = 64, 48

QUARTERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
"""red, green, blue, white: top left, top right, bottom left, bottom right"""


def level(index: int) -> int:
    """The grey of frame `index`."""
    return 20 + 6 * index


def grey_frame(index: int) -> U8:
    """Frame `index` of every film here, (H, W, 3) RGB."""
    return np.full((HEIGHT, WIDTH, 3), level(index), np.uint8)


def quarters(width: int = WIDTH, height: int = HEIGHT) -> U8:
    """A picture whose corners tell which way is up, (H, W, 3) RGB."""
    picture = np.empty((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    picture[:top, :left], picture[:top, left:], picture[top:, :left], picture[top:, left:] = QUARTERS
    return picture


def corners(picture: U8) -> list[tuple[int, ...]]:
    """Colours in the middle of the four quarters, in the order of QUARTERS, each rounded to 0, 128 or 255."""
    height, width = picture.shape[:2]
    places = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    snapped = [
        np.array([0, 128, 255])[np.abs(picture[at][:, None] - np.array([0.0, 128, 255])).argmin(1)]
        for at in places
    ]
    return [tuple(int(value) for value in colour) for colour in snapped]


@dataclass(frozen=True)
class Film:
    """How to encode a recording."""

    name: str
    codec: str = "libx264"
    pixels: str = "yuv420p"
    container: str | None = None
    codec_options: Mapping[str, str] = field(default_factory=lambda: {"crf": "4"})
    container_options: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    stream_metadata: Mapping[str, str] = field(default_factory=dict)
    rotation: int | None = None
    """degrees counterclockwise in the display matrix"""
    audio: bool = False

    def make(
        self,
        folder: Path,
        pictures: Iterable[U8] | None = None,
        times: Callable[[int], int] | None = None,
        time_base: Fraction = Fraction(1, RATE),
    ) -> Path:
        """Write it: 30 grey frames at 25 a second, unless told otherwise."""
        path = folder / self.name
        shown = [grey_frame(index) for index in range(FRAMES)] if pictures is None else list(pictures)
        with av.open(
            str(path), "w", format=self.container, options=dict(self.container_options)
        ) as container:
            container.metadata.update(self.metadata)
            stream = container.add_stream(self.codec, rate=RATE, options=dict(self.codec_options))
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = shown[0].shape[:2]
            stream.pix_fmt = self.pixels
            stream.metadata.update(self.stream_metadata)
            stream.codec_context.time_base = time_base
            if self.rotation is not None:
                stream.set_display_rotation(self.rotation)
            if self.audio:
                _add_silence(container, seconds=3.0)
            for index, picture in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=self.pixels)
                frame.pts = index if times is None else times(index)
                frame.time_base = time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path


MP4 = Film("film.mp4", container_options={"movflags": "faststart"})

FILMS = (
    MP4,
    Film(
        "fragments.mp4",
        container_options={"movflags": "frag_keyframe+empty_moov"},
        codec_options={"g": "6", "crf": "4"},
    ),
    Film("sound.mov", container_options={"movflags": "faststart"}, audio=True),
    Film("film.mkv"),
    Film("film.webm", "libvpx", codec_options={"crf": "4", "b": "2M"}),
    Film("film.avi"),
    Film("mjpeg.avi", "mjpeg", "yuvj420p", codec_options={"qmin": "1", "qmax": "2"}),
    Film("film.flv"),
    Film("film.ts"),
    Film("film.mpg", "mpeg2video", codec_options={"qmin": "1", "qmax": "2"}),
    Film("film.h264", container="h264"),
    Film("film.gif", "gif", "gray", codec_options={}),
    Film("lossless.mkv", "ffv1", "yuv444p10le", codec_options={}),
)


def _add_silence(container: av.container.OutputContainer, seconds: float) -> None:
    stream = container.add_stream("aac", rate=48_000)
    frame = av.AudioFrame.from_ndarray(np.zeros((1, int(48_000 * seconds)), np.float32), "fltp", "mono")
    frame.rate = 48_000
    resampler = av.AudioResampler("fltp", "mono", 48_000, frame_size=1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode())


def read_all(source: FileSource) -> list[Frame]:
    """Every frame of a recording, opened and closed."""
    source.open()
    return list(source.frames())


def indices(frames: Sequence[Frame]) -> list[int]:
    """Which frames of a film these are, by their grey."""
    return [round((float(frame.pixels.to_host().mean()) - level(0)) / 6) for frame in frames]
