"""Several recordings' events in one order that does not depend on which thread was faster."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from pipeline.events.event import IdentityEvent

_Key = tuple[float, str, int]


class PtsMerge:
    """Holds events back until none that belongs before them can come.

    The order is: pts_s of the event's frame, camera, and within both the order in which the camera stated them,
    so that a name is taken from one face before another gets it. Each camera has a watermark: its promise to
    push no more event whose frame's pts_s is *below* it. It starts at minus infinity, `advance` raises it,
    `finish` removes it.

    An `end` speaks of the frame in which the person was last found, which lies before the frame that made it
    due: after the events of the frame at `pts_s` were pushed, `pts_s - gap_s` is what a camera can promise.

    Not thread-safe: one publisher calls it. Everything that the calls return, put together, is the same for
    every interleaving of the cameras.
    """

    def __init__(self, cameras: Iterable[str]) -> None:
        self._watermarks = dict.fromkeys(cameras, float("-inf"))
        self._held: list[tuple[_Key, IdentityEvent]] = []
        self._pushed = 0

    @property
    def held(self) -> int:
        """Events that wait for other cameras."""
        return len(self._held)

    def push(self, camera: str, events: Iterable[IdentityEvent]) -> list[IdentityEvent]:
        """Take in this camera's events, in the order stated; returns those now due.

        Raises ValueError when an event breaks the camera's promise, or is another camera's.
        """
        watermark = self._watermark(camera)
        for event in events:
            if event.camera != camera:
                raise ValueError(f"{event.sighting_id} is not an event of camera {camera}")
            if event.frame.pts_s < watermark:
                raise ValueError(
                    f"{event.sighting_id}#{event.seq}: pts {event.frame.pts_s} s is below the camera's "
                    f"watermark of {watermark} s"
                )
            heapq.heappush(self._held, ((event.frame.pts_s, camera, self._pushed), event))
            self._pushed += 1
        return self._due()

    def advance(self, camera: str, pts_s: float) -> list[IdentityEvent]:
        """This camera will push nothing below `pts_s` (a lower one than before changes nothing)."""
        self._watermarks[camera] = max(self._watermark(camera), pts_s)
        return self._due()

    def finish(self, camera: str) -> list[IdentityEvent]:
        """This camera will push nothing more; after the last one's call nothing is held."""
        self._watermark(camera)
        del self._watermarks[camera]
        return self._due()

    def _watermark(self, camera: str) -> float:
        if camera not in self._watermarks:
            raise ValueError(f"camera {camera} has finished or was never announced")
        return self._watermarks[camera]

    def _due(self) -> list[IdentityEvent]:
        """What stands before the earliest event that may still come."""
        bound = min(((pts_s, camera) for camera, pts_s in self._watermarks.items()), default=None)
        due = []
        while self._held and (bound is None or self._held[0][0][:2] < bound):
            due.append(heapq.heappop(self._held)[1])
        return due
