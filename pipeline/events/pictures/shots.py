"""Shots that may become pictures: from where the frame still has its pixels to where sightings are decided.

The alignment stage alone has the frame, and only the last stages know whose face a shot is of. So frames wait on a
board, by reference, for the few moments in between; whatever nobody took is let go with the next frame.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.pixels import Pixels
from pipeline.types import Frame, FrameInfo

MAX_BYTES = 128 << 20
"""of frames that wait on the board, all cameras: twenty at 1080p. The stages behind hold fewer when they keep up"""

BETTER_BY = 1.15
"""a face that never earned an embedding is offered again when its quality beats its best by this factor, as
embedding.better_by does for others"""

EMBEDDED = float("inf")


@dataclass(slots=True, eq=False, weakref_slot=True)
class Still:
    """A frame that is, or becomes, a picture. Its pixels go when it has been developed."""

    info: FrameInfo
    pixels: Pixels | None
    """(H, W, 3) RGB uint8"""
    jpeg: bytes | None = None

    @property
    def is_void(self) -> bool:
        """Nothing is left to make a picture of."""
        return self.pixels is None and self.jpeg is None

    @property
    def bytes(self) -> int:
        """That its pixels take: RGB, since a detector has looked at them."""
        return 3 * self.info.width * self.info.height


@dataclass(slots=True, eq=False, weakref_slot=True)
class Shot:
    """A face in a still."""

    still: Still
    box: F32
    """(4,) x0 y0 x1 y1 pixels of the frame"""
    quality: float
    face: bytes | None = None
    """the face's own picture, once developed"""
    is_taken: bool = False
    """whether a sighting keeps it"""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Kept:
    """A picture that was promised: on its way to the disk, or there. The writer's thread marks what becomes of it."""

    path: str
    """below the data folder"""
    sighting_id: str
    shot: Shot
    is_missed: bool = False
    """it could not be written: worth another attempt"""
    is_absent: bool = False
    """and no earlier picture of its sighting is there either"""
    is_erased: bool = False
    """whoever it shows was forgotten: it never comes back"""


def best_shot(shots: Iterable[Shot | None]) -> Shot | None:
    """The best of those of which something is left, the earlier on a tie."""
    there = [shot for shot in shots if shot is not None and not shot.still.is_void]
    return max(there, key=lambda shot: (shot.quality, -shot.still.info.index), default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """A frame on the board."""

    frame: Frame
    rows: I64
    """(M,) faces worth a picture, ascending"""

    @property
    def bytes(self) -> int:
        """That its pixels take."""
        return 3 * self.frame.info.width * self.frame.info.height


class ShotBoard:
    """Frames with faces worth a picture, until their matches are decided on. From any thread; never waits.

    Every embedded face is worth one: few are, and only the stages behind know which of them its template is made of.
    Of a face that was never clear enough for that, so that it has a picture too, each shot that is clearly better than
    those before.
    """

    def __init__(self, max_bytes: int | None = MAX_BYTES) -> None:
        """`max_bytes`: beyond it the oldest frames are let go; None for a replay, whose gate waits for decisions and so
        bounds what is in between."""
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._waiting: deque[Offered] = deque()
        self._bytes = 0
        self._dropped = 0
        self._best: dict[str, dict[int, float]] = {}
        """camera -> track -> best quality that was offered, of the tracks that are alive"""

    @property
    def bytes(self) -> int:
        """Of the frames on the board."""
        with self._lock:
            return self._bytes

    @property
    def dropped(self) -> int:
        """Frames that were let go before anybody asked for them."""
        with self._lock:
            return self._dropped

    def offer(self, frame: Frame, track_ids: I64, quality: F32, found: I64, embedded: I64) -> None:
        """Keep this frame for a moment if a face in it is worth a picture.

        Args:
            track_ids: (N,), the tracker's own.
            quality: (N,)
            found: (M,) rows that the detector found, ascending.
            embedded: (E,) rows that earned an embedding.
        """
        camera, earned = frame.info.camera, set(embedded.tolist())
        with self._lock:
            before = self._best.get(camera, {})
            alive = track_ids.tolist()
            best = self._best[camera] = {track: before[track] for track in alive if track in before}
            rows = []
            for row in found.tolist():
                track, value = alive[row], float(quality[row])
                if row in earned:
                    best[track] = EMBEDDED
                    rows.append(row)
                elif track not in best or value > best[track] * BETTER_BY:
                    best[track] = value
                    rows.append(row)
            if rows:
                self._put(Offered(frame, np.array(rows, np.int64)))

    def take(self, camera: str, frame_index: int) -> Offered | None:
        """This frame, if it was worth a picture; what is older of its camera is let go. Frames come in order."""
        with self._lock:
            older = [
                one
                for one in self._waiting
                if one.frame.info.camera == camera and one.frame.info.index <= frame_index
            ]
            for one in older:
                self._remove(one)
        return older[-1] if older and older[-1].frame.info.index == frame_index else None

    def finish(self, camera: str, frames: int) -> None:
        """The camera has ended or is away after so many frames: let go of them. Later ones stay."""
        self.take(camera, frames - 1)
        with self._lock:
            if all(one.frame.info.camera != camera for one in self._waiting):
                self._best.pop(camera, None)

    def _put(self, offered: Offered) -> None:
        self._waiting.append(offered)
        self._bytes += offered.bytes
        while self._max_bytes is not None and self._bytes > self._max_bytes:
            self._remove(self._waiting[0])
            self._dropped += 1

    def _remove(self, offered: Offered) -> None:
        self._waiting.remove(offered)
        self._bytes -= offered.bytes
