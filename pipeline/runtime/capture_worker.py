"""The thread of a camera."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from pipeline.errors import FacestreamError
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.place import Place, place_of
from pipeline.runtime.priority import step_behind
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.worker import Admit, FrameSource
from pipeline.runtime.worker_thread import WorkerThread, reason_of
from pipeline.types import Frame, StreamEnd

SOUND_S = 60.0
"""a source that worked for so long before it failed is started again as fast as after its first failure"""

log = logging.getLogger(__name__)


class Entrance(Protocol):
    """Where a camera's frames go in."""

    @property
    def given(self) -> int:
        """Frames that went in."""
        ...

    def put(self, item: Frame | StreamEnd) -> None:
        """Pass one on; raises ChannelClosed once nobody wants this camera's frames."""
        ...


class CaptureWorker(WorkerThread):
    """Reads one source: its frames, then its StreamEnd, with the problem in it when the source broke off.

    A source that raises what is no FacestreamError has a bug. In a live run its camera pauses and is read again after
    a wait, for as long as it takes: that is its own affair, and no other camera's.
    """

    def __init__(
        self,
        source: FrameSource,
        entrance: Entrance,
        admit: Admit | None = None,
        restarts: RestartRules | None = None,
    ) -> None:
        """
        Args:
            source: the camera or recording.
            entrance: where its frames go.
            admit: frames that it refuses are counted and go no further; None: all are admitted.
            restarts: how long to wait before a source with a bug is read again; None: a bug is a failure.
        """
        super().__init__("capture")
        self.camera = source.camera
        self.problem: FacestreamError | None = None
        """why the source broke off; set before `ended` is called"""
        self.skipped = 0
        """frames so far that were not admitted"""
        self.frames = 0
        """one more than the index of the last frame decoded"""
        self.bugs = 0
        """times that the source raised what it should not"""
        self._source = source
        self._entrance = entrance
        self._admit = admit
        self._restarts = restarts
        self._wait_s = 0.0 if restarts is None else restarts.backoff_s
        self._stopping = threading.Event()
        self._behind = False

    @property
    def label(self) -> str:
        return f"camera {self.camera}"

    @property
    def given(self) -> int:
        """Frames so far that were admitted and put."""
        return self._entrance.given

    @property
    def stopping(self) -> bool:
        """Whether it was asked to end: it counts no more, though its source may hang for ever."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Ask the thread to end after the frame it is reading; what it read goes through. Never waits.

        The source is closed in a thread of its own: one that hangs in a library may hang there too.
        """
        if not self._stopping.is_set():
            self._stopping.set()
            threading.Thread(target=self._source.close, name="facestream-close", daemon=True).start()

    def _work(self) -> None:
        self._ready.set()
        self._place = Place(self.camera, None)
        try:
            while not self._read() and not self._stopping.is_set():
                pass
        except FacestreamError as error:
            self.problem = error
        problem = None if self.problem is None else str(self.problem)
        self._entrance.put(StreamEnd(self.camera, self.frames, problem))

    def _read(self) -> bool:
        """Read the source to its end, or to a bug of it; whether that was the end."""
        began_s = time.monotonic()
        try:
            for item in self._source.frames():
                if isinstance(item, StreamEnd):
                    self._entrance.put(item)
                else:
                    self._give(item)
                if self._stopping.is_set():
                    break
            return True
        except (ChannelClosed, FacestreamError):
            raise
        except Exception as error:
            if self._restarts is None:
                raise
            self._wait(self._restarts, reason_of(error), time.monotonic() - began_s)
            log.debug("camera %s", self.camera, exc_info=error)
            return False

    def _wait(self, restarts: RestartRules, reason: str, worked_s: float) -> None:
        """Say that the camera is away, and wait before it is read again."""
        self.bugs += 1
        wait_s = restarts.backoff_s if worked_s > SOUND_S else self._wait_s
        self._wait_s = min(2.0 * wait_s, restarts.max_backoff_s)
        log.error(
            "camera %s failed at %s: %s; it is read again in %.1f s",
            *(self.camera, self._place, reason, wait_s),
            extra={"camera": self.camera},
        )
        self._entrance.put(StreamEnd(self.camera, self.frames, reason, pause=True))
        self._stopping.wait(wait_s)

    def _give(self, frame: Frame) -> None:
        if self._admit is not None and not self._behind:
            # Live, decoding can be left out, and looking comes first. Not before now: what reads the network was
            # started for the first frame, and must not wait.
            self._behind = True
            step_behind()
        if self._admit is None or self._admit(frame.info):
            self._entrance.put(frame)
        else:
            self.skipped += 1
        self._place = place_of(frame)
        self.frames = frame.info.index + 1

    def _release(self) -> None:
        self._source.close()
