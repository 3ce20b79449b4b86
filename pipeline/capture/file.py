"""Recorded video: every container and codec that FFmpeg reads."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import av

from pipeline.capture.container import duration_s, rate, started_at
from pipeline.capture.decoding import SEEK_FROM_S, Damage, Decoding, Picture
from pipeline.capture.fingerprint import recording_id
from pipeline.capture.pacing import Pacer
from pipeline.capture.rgb import RgbConverter
from pipeline.capture.source import SourceInfo
from pipeline.clock import Clock, SystemClock
from pipeline.errors import BrokenRecordingError, SourceError
from pipeline.types import Frame, FrameInfo

log = logging.getLogger(__name__)


class FileSource:
    """A recording as a source; see `Source` for what it promises.

    Frames are as they were stored but for the rotation their metadata asks for: interlaced fields stay woven
    and the sample aspect ratio is ignored. `index` counts the frames given by this run, so that it begins at 0
    with `start_s` too; `pts_s` always counts from the first frame of the recording.
    """

    def __init__(
        self,
        path: Path,
        camera: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        started_at: datetime | None = None,
        realtime: bool = False,
        threads: int = 1,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            path: the file.
            camera: name that frames carry.
            start_s: first second of the recording to give; seeks to the keyframe before it.
            end_s: frames at this second and after it are not given.
            started_at: UTC moment of the recording's first frame, instead of what the file says.
            realtime: hold frames back until their time has come, as if they were live.
            threads: of the decoder, 0 as FFmpeg likes. With one, a damaged recording too is the same each time.
            clock: what `realtime` waits by.
        """
        self.path = path
        self._camera = camera
        self._start_s = start_s
        self._end_s = end_s
        self._started_at = started_at
        self._threads = threads
        self._closed = threading.Event()
        self._pacer = Pacer(clock or SystemClock(), self._closed) if realtime else None
        # Held while FFmpeg works, so that close never frees a container in use; open closes what it could not use.
        self._lock = threading.RLock()
        self._decoding: Decoding | None = None
        self._ready: deque[Picture] = deque()
        self._converter = RgbConverter()
        self._info: SourceInfo | None = None

    @property
    def camera(self) -> str:
        return self._camera

    @property
    def damage(self) -> Damage:
        """What could not be decoded so far."""
        return Damage() if self._decoding is None else self._decoding.damage

    def open(self) -> SourceInfo:
        """Open the file and decode up to the first frame to give.

        Raises:
            SourceError: it cannot be read, holds no video, no frame, or none between start and end.
        """
        self._check_range()
        try:
            with self._lock:
                first = self._first_picture()
                assert self._decoding is not None
                self._info = self._describe(self._decoding, first)
        except (SourceError, OSError, av.FFmpegError) as error:
            self.close()
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{self.path}: cannot be read ({error}); copy it again") from error
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Every frame between start and end, in the order of display; see `Source.frames`.

        Raises:
            BrokenRecordingError: the recording cannot be read to its end.
        """
        info = self._info
        assert info is not None, "open() comes before frames()"
        index = 0
        while (picture := self._next_picture(index)) is not None:
            if self._end_s is not None and picture.pts_s >= self._end_s:
                break
            if self._pacer is not None:
                self._pacer.hold(picture.pts_s)
                if self._closed.is_set():
                    break
            yield self._frame(picture, index, info)
            index += 1
        self.close()

    def close(self) -> None:
        """End `frames` after the packet it is at, and release the file."""
        self._closed.set()
        with self._lock:
            self._ready.clear()
            if self._decoding is not None:
                self._decoding.close()

    def _check_range(self) -> None:
        if self._start_s is not None and not math.isfinite(self._start_s):
            raise SourceError(f"{self.path}: the start must be a number of seconds, got {self._start_s:g}")
        if self._end_s is not None and math.isnan(self._end_s):
            raise SourceError(f"{self.path}: the end must be a number of seconds, got nan")
        if self._start_s is not None and self._start_s < 0:
            raise SourceError(f"{self.path}: the start must not be negative, got {self._start_s:g} s")
        if self._end_s is not None and self._end_s <= (self._start_s or 0.0):
            raise SourceError(
                f"{self.path}: the end must come after the start, got {self._start_s or 0:g} to {self._end_s:g} s"
            )

    def _begin(self) -> list[Picture]:
        """Open the file at its beginning and decode its first pictures."""
        if self._decoding is not None:
            self._decoding.close()
        self._decoding = Decoding(self.path, self._threads)
        pictures = self._decoding.first()
        if not pictures:
            raise SourceError(f"{self.path}: not one frame of its video can be decoded; copy it again")
        return pictures

    def _first_picture(self) -> Picture:
        """Decode up to the first picture to give; it and what came with it are ready then."""
        start_s = self._start_s or 0.0
        pictures = self._begin()
        assert self._decoding is not None
        if start_s >= SEEK_FROM_S:
            pictures = self._decoding.seek(start_s) or self._begin()
        ready = [picture for picture in pictures if picture.pts_s >= start_s]
        while not ready:
            if self._closed.is_set():
                raise SourceError(f"{self.path}: was closed before its first frame; open it again")
            following = self._decoding.step()
            if following is None:
                raise SourceError(
                    f"{self.path}: has no frame at {start_s:g} s or later; give an earlier start"
                )
            ready = [picture for picture in following if picture.pts_s >= start_s]
        if self._end_s is not None and ready[0].pts_s >= self._end_s:
            raise SourceError(
                f"{self.path}: no frame between {start_s:g} and {self._end_s:g} s; widen the range"
            )
        self._ready.extend(ready)
        return ready[0]

    def _describe(self, decoding: Decoding, first: Picture) -> SourceInfo:
        container, stream = decoding.container, decoding.stream
        nominal = rate(stream)
        return SourceInfo(
            width=first.width,
            height=first.height,
            rate_from_header_hz=None if nominal is None else float(nominal),
            duration_from_header_s=duration_s(container, stream),
            started_at=self._started_at or started_at(container, stream),
            recording_id=recording_id(self.path),
            codec=stream.codec_context.name,
            container=container.format.name,
        )

    def _next_picture(self, index: int) -> Picture | None:
        while not self._closed.is_set():
            with self._lock:
                if self._ready:
                    return self._ready.popleft()
                if self._closed.is_set() or self._decoding is None:
                    return None
                pictures = self._decoding.step()
            if pictures is None:
                self._finish(self._decoding, index)
                return None
            self._ready.extend(pictures)
        return None

    def _finish(self, decoding: Decoding, index: int) -> None:
        """At the end of the stream: was that all of it?"""
        damage = decoding.damage
        if damage.packets or damage.frames:
            log.warning(
                "%s: %d packets could not be decoded and %d frames have holes, the first at frame %d",
                *(self.path, damage.packets, damage.frames, damage.first_frame),
            )
        broken = decoding.broken
        self.close()
        if broken is not None:
            raise BrokenRecordingError(
                f"{self.path}: breaks off after frame {index - 1} at {decoding.last_s:.2f} s, {broken}; "
                "what came before was used; copy the recording again"
            )

    def _frame(self, picture: Picture, index: int, info: SourceInfo) -> Frame:
        return Frame(
            FrameInfo(
                camera=self._camera,
                index=index,
                pts_s=picture.pts_s,
                at=info.started_at + timedelta(seconds=picture.pts_s),
                width=picture.width,
                height=picture.height,
                captured_ns=time.monotonic_ns(),
            ),
            self._converter.lazy(picture.frame, picture.orientation),
        )
