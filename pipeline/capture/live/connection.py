"""One connection to a camera: opened by FFmpeg, read until it ends or breaks. Every wait in it has an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from pipeline.capture.container import open_container, video_stream
from pipeline.capture.live.address import Address, Kind
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.stream_lost import StreamLostError, why_no_connection, why_no_more
from pipeline.errors import SourceError

ANALYSED_US = 200_000
"""of a stream, to learn what it holds. FFmpeg's own 5 s would be spent in full: a camera does not say its rate"""

REORDERED_US = 200_000
"""how long a missing UDP packet is waited for; FFmpeg's own half a second is felt"""

UDP_BUFFER_BYTES = 2 * 1024 * 1024
"""the kernel keeps as much while the reader is busy; a keyframe of 4K comes as a burst of a megabyte"""


class Connection:
    """An open stream of a camera. Read on one thread; what it holds may be decoded on another, also after `close`."""

    def __init__(self, container: InputContainer, stream: VideoStream, *, paced: bool, loops: bool) -> None:
        self._container = container
        self._stream = stream
        self.decoder = stream.codec_context
        """used by whoever decodes, and by nobody else"""
        assert stream.time_base is not None
        self.time_base = stream.time_base
        """seconds, of the packets' timestamps"""
        rate = stream.average_rate or stream.guessed_rate
        self.period_s = float(1 / rate) if rate and 0 < rate <= 1000 else 0.04
        """of one frame, as the stream says; 25 a second where it says nothing"""
        self.paced = paced
        """the packets come faster than they are to be shown: a file, a playlist of segments"""
        self.loops = loops
        """its end is no outage"""
        self.given_up = threading.Event()
        """set by whoever decodes, when nothing good comes; the reader then lets go of it"""
        self.gave_pictures = False
        """noted by whoever decodes"""

    def packets(self, options: LiveOptions) -> Iterator[Packet[VideoStream]]:
        """The video stream's packets until it ends.

        Raises:
            StreamLostError: it broke, or nothing came for `options.read_timeout_s`.
        """
        asked_s = time.monotonic()
        try:
            for packet in self._container.demux(self._stream):
                # When the time is over, FFmpeg first hands out what it still held: half a picture, as a rule.
                if time.monotonic() - asked_s >= options.read_timeout_s:
                    raise TimeoutError
                if packet.size:
                    yield packet
                asked_s = time.monotonic()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise StreamLostError(why_no_more(error, options)) from None

    def close(self) -> None:
        """Hang up. Only on the thread that reads."""
        self._container.close()


def connect(address: Address, options: LiveOptions) -> Connection:
    """Call a camera and learn what it sends.

    Raises:
        StreamLostError: it does not answer, refuses, or sends no video.
    """
    if address.kind is Kind.FILE:
        return _open_file(address, options)
    called_s = time.monotonic()
    try:
        container = av.open(
            address.url,
            format="video4linux2" if address.kind is Kind.DEVICE else None,
            container_options=_ffmpeg_options(address, options),
            metadata_errors="replace",
            timeout=(options.connect_timeout_s, options.read_timeout_s),
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        # FFmpeg's text holds the address with its password, so it goes no further, not even as a cause.
        raise StreamLostError(why_no_connection(error, address, options)) from None
    if time.monotonic() - called_s >= options.connect_timeout_s:
        # Having waited in vain for data, FFmpeg gives what it knows; waiting once more would be too long.
        container.close()
        raise StreamLostError(why_no_connection(TimeoutError(), address, options))
    return _watch(container, address, options)


def _open_file(address: Address, options: LiveOptions) -> Connection:
    path = Path(address.url)
    try:
        container = open_container(path)
        try:
            stream = video_stream(container, path)
        except SourceError:
            container.close()
            raise
    except SourceError as error:
        raise StreamLostError(str(error).removeprefix(f"{path}: ")) from None
    return _connection(container, stream, options, paced=True, loops=True)


def _watch(container: InputContainer, address: Address, options: LiveOptions) -> Connection:
    """The connection of an open container.

    Raises:
        StreamLostError: there is no video in it.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        container.close()
        raise StreamLostError("the camera sends no video that FFmpeg decodes; check the path of its address")
    for other in container.streams:
        # Of a playlist in several sizes, FFmpeg would fetch them all.
        if other.index != stream.index:
            other.discard = Discard.all
    # What has a length was recorded, and comes as fast as the network is.
    recorded = container.duration is not None
    paced = address.kind is Kind.HTTP and (recorded or container.format.name == "hls")
    return _connection(container, stream, options, paced=paced, loops=False)


def _connection(
    container: InputContainer, stream: VideoStream, options: LiveOptions, *, paced: bool, loops: bool
) -> Connection:
    stream.codec_context.thread_count = options.threads
    stream.codec_context.thread_type = ThreadType.AUTO
    return Connection(container, stream, paced=paced, loops=loops)


def _ffmpeg_options(address: Address, options: LiveOptions) -> dict[str, str]:
    """Options of FFmpeg's formats and protocols (ffmpeg-formats(1), ffmpeg-protocols(1)).

    `fflags nobuffer` is not among them: it throws away the packets that were looked at while opening, the first
    keyframe with them, and the first picture then comes a whole group of pictures later (docs/cameras.md).
    """
    analysed = {"analyzeduration": str(ANALYSED_US), "fpsprobesize": "0"}
    # Cameras make their certificates themselves, so that there is nobody to ask about them.
    network = {"timeout": str(round(options.connect_timeout_s * 1e6)), "tls_verify": "0"}
    match address.kind:
        case Kind.RTSP:
            transports = {"auto": "udp+tcp", "tcp": "tcp", "udp": "udp"}
            return {
                **analysed,
                **network,
                "rtsp_transport": transports[options.transport],
                "rtsp_flags": "prefer_tcp",
                "allowed_media_types": "video",
                "max_delay": str(REORDERED_US),
                "buffer_size": str(UDP_BUFFER_BYTES),
            }
        case Kind.HTTP:
            return {
                **analysed,
                **network,
                "rw_timeout": str(round(options.read_timeout_s * 1e6)),
                # A playlist may name anything; files of this machine are none of its business.
                "protocol_whitelist": "http,https,tcp,tls,crypto",
                "live_start_index": "-1",
            }
        case _:
            return {}
