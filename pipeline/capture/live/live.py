"""A camera that is watched for weeks: its newest pictures, for as long as anybody wants them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import av
from av.packet import Packet
from av.video.stream import VideoStream

from pipeline.capture.live.backlog import CAUGHT_UP_S, LATE_S, Arrived, Backlog, Ended, Item, Opened
from pipeline.capture.live.connection import Connection
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.live_timeline import LiveTimeline
from pipeline.capture.live.port import Port
from pipeline.capture.live.reader import Reader
from pipeline.capture.live.source_health import HealthRecord, SourceHealth
from pipeline.capture.rgb import RgbConverter, orientation_of
from pipeline.clock import Clock, SystemClock
from pipeline.types import Frame, FrameInfo, StreamEnd

log = logging.getLogger(__name__)

PICTURE_S = 9.0
"""data may flow for so long without a picture: some cameras send a keyframe only every eight seconds"""


class LiveSource:
    """A camera as a source of frames that never ends by itself; see `frames`.

    Two threads: one reads the network without a pause, the one that iterates decodes. Between them stands the
    `Backlog`, which forgets pictures rather than let them grow old. FFmpeg's calls all time out, and whether
    pictures come is judged here, by pictures.
    """

    def __init__(
        self,
        camera: str,
        shown: str,
        connect: Callable[[], Connection],
        options: LiveOptions,
        *,
        port: Port | None = None,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            camera: name that frames carry.
            shown: its address, as people may see it.
            connect: calls the camera; raises StreamLostError.
            options: timeouts, and how pictures are turned.
            port: what tells that the camera is back; None for what has no port.
            clock: wall time of frames, and what waits between tries go by.
        """
        self._camera = camera
        self._shown = shown
        self._options = options
        self._clock = clock or SystemClock()
        self._closed = threading.Event()
        self._connect = connect
        self._port = port
        self._call_anew()
        self._record = HealthRecord(self._clock, options.park_after_s)
        self._timeline = LiveTimeline()
        self._converter = RgbConverter()
        self._began = False
        self._began_s = 0.0
        self._flowing = False
        """frames were given that no StreamEnd followed"""

    @property
    def camera(self) -> str:
        """The name that frames and events carry."""
        return self._camera

    def frames(self) -> Iterator[Frame | StreamEnd]:
        """The camera's frames, newest first come, until `close`; called once, and again only where a bug ended it.

        `index` counts the frames given and `pts_s` the seconds since this was called, over all outages; a frame's
        `at` is the wall clock's time when its data came. When the pictures stop, one StreamEnd with `pause` set
        comes, and frames again once the camera is back. Never raises for anything that the camera, the network
        or the disk does. Ends at the latest `read_timeout_s` after `close`.
        """
        if self._began:
            self._call_anew()
        else:
            self._began, self._began_s = True, self._clock.monotonic_s()
        reader = self._reader
        reader.start()
        try:
            while not self._closed.is_set():
                yield from self._take()
        finally:
            self._hang_up()
            if not self._closed.is_set():
                self._flowing = False  # whoever asks again has told of the break
                self._record.lost("reading it failed; the log says why")
            reader.join(self._options.read_timeout_s)

    def close(self) -> None:
        """End `frames`, hang up, and never call again. From any thread, at any time, once or more."""
        self._closed.set()
        self._hang_up()
        self._record.closed()

    def health(self) -> SourceHealth:
        """How the source is doing now. From any thread."""
        return self._record.health()

    def _call_anew(self) -> None:
        self._backlog = Backlog()
        self._reader = Reader(
            *(self._camera, self._connect, self._backlog, self._options, self._clock, self._port)
        )
        self._connection: Connection | None = None
        self._patient_until_s: float | None = None

    def _hang_up(self) -> None:
        self._reader.stop()
        self._backlog.close()

    def _take(self) -> Iterator[Frame | StreamEnd]:
        item = self._backlog.take(self._patience_s())
        if self._closed.is_set():
            return
        self._record.skipped(self._backlog.take_skipped())
        yield from self._after(item)
        if self._impatient():
            yield from self._give_up()

    def _after(self, item: Item | None) -> Iterator[Frame | StreamEnd]:
        """What this brings."""
        match item:
            case Opened(connection):
                self._begin(connection)
            case Arrived() if self._connection is not None:
                yield from self._decode(self._connection, item)
            case Ended(problem):
                yield from self._end(problem)
            case _:
                pass

    def _begin(self, connection: Connection) -> None:
        self._connection = connection
        if self._patient_until_s is None:  # a file that begins again gets no new patience
            self._patient_until_s = self._clock.monotonic_s() + PICTURE_S
        self._record.opened(connection.decoder.name)
        self._timeline.begin_anew()

    def _end(self, problem: str | None) -> Iterator[Frame | StreamEnd]:
        """The connection is over, or none could be made: give the pictures still in the decoder."""
        connection, self._connection = self._connection, None
        if connection is not None:
            yield from self._pictures(connection, None, self._clock.monotonic_s())
        if problem is not None:
            self._patient_until_s = None
            yield from self._lose(problem)

    def _lose(self, problem: str) -> Iterator[StreamEnd]:
        if self._record.lost(problem):
            about = {"camera": self._camera}
            log.warning("%s: %s: %s; trying again", self._camera, self._shown, problem, extra=about)
        if self._flowing:
            self._flowing = False
            yield StreamEnd(self._camera, self._record.frames, problem, pause=True)

    # Patience

    def _patience_s(self) -> float | None:
        """Seconds until waiting longer is of no use."""
        if self._patient_until_s is None:
            return None
        return max(0.0, self._patient_until_s - self._clock.monotonic_s())

    def _impatient(self) -> bool:
        return self._patient_until_s is not None and self._clock.monotonic_s() >= self._patient_until_s

    def _give_up(self) -> Iterator[StreamEnd]:
        """Data may come, pictures do not: let go of this connection."""
        connection, self._connection = self._connection, None
        self._patient_until_s = None
        if connection is not None:
            connection.given_up.set()
        yield from self._lose("no picture could be made of what came")

    # Decoding

    def _decode(self, connection: Connection, arrived: Arrived) -> Iterator[Frame]:
        waited_s = self._clock.monotonic_s() - arrived.at_s
        decoder = connection.decoder
        if waited_s > LATE_S:
            decoder.skip_frame = "NONREF"
        elif waited_s < CAUGHT_UP_S and decoder.skip_frame != "DEFAULT":
            decoder.skip_frame = "DEFAULT"
        before = self._record.frames
        yield from self._pictures(connection, arrived.packet, arrived.at_s)
        if decoder.skip_frame == "NONREF" and self._record.frames == before:
            self._record.skipped(1)

    def _pictures(
        self, connection: Connection, packet: Packet[VideoStream] | None, arrived_s: float
    ) -> Iterator[Frame]:
        """Frames that this packet completes; None: those that none follows."""
        try:
            pictures = connection.decoder.decode(packet)
        except av.EOFError:
            return
        except (av.FFmpegError, ValueError):
            self._record.damaged()
            return
        for picture in pictures:
            if self._closed.is_set():
                return
            yield self._frame(connection, picture, arrived_s)
            # However long the frame was looked at, that time is not the camera's.
            self._patient_until_s = self._clock.monotonic_s() + PICTURE_S

    def _frame(self, connection: Connection, picture: av.VideoFrame, arrived_s: float) -> Frame:
        now_s = self._clock.monotonic_s()
        stamp_s = None if picture.pts is None else float(picture.pts * connection.time_base)
        pts_s = self._timeline.next_s(stamp_s, arrived_s - self._began_s)
        at = self._clock.now() - timedelta(seconds=max(0.0, now_s - self._began_s - pts_s))
        turned = orientation_of(picture).turned(self._options.rotate)
        width, height = turned.size(picture.width, picture.height)
        info = FrameInfo(self._camera, self._record.frames, pts_s, at, width, height, time.monotonic_ns())
        if picture.is_corrupt:
            self._record.damaged()
        if self._record.frame(width, height, at):
            about = {"camera": self._camera}
            log.info("%s: %s: pictures come, %dx%d", self._camera, self._shown, width, height, extra=about)
        connection.gave_pictures = True
        self._flowing = True
        return Frame(info, self._converter.lazy(picture, turned))
