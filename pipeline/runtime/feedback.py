"""What later stages have decided, told to earlier ones without making a replay depend on timing."""

from __future__ import annotations

import threading
from bisect import bisect_right

from pipeline.runtime.buffer import ChannelClosed

NOBODY: frozenset[int] = frozenset()


class _Record:
    """One camera: the frames at which the known tracks changed, and how far results have come."""

    def __init__(self) -> None:
        self.frames: list[int] = [-1]
        self.states: list[frozenset[int]] = [NOBODY]
        self.newest = -1
        """last frame whose results are in"""
        self.finished = False


class FeedbackBoard:
    """Tracks in which somebody has been recognised, as of each frame.

    The last stage publishes after every frame, also when nothing changed. The embed gate at frame k asks for the
    state as of frame k - lag: it waits for exactly that frame and never sees a later one, so that its answer is
    the same however the threads were scheduled. Only changes are kept, and none older than what was last asked
    for, so that a camera without faces costs nothing.

    Who asks must have passed on frame k - lag before, or it waits for itself: a stage that asks takes at most
    `lag` items in a batch.
    """

    def __init__(self, exact: bool = True) -> None:
        """Not `exact` (live, where frames are dropped and nothing is repeated): the newest state, at once."""
        self._exact = exact
        self._changed = threading.Condition()
        self._records: dict[str, _Record] = {}
        self._aborted = False

    @property
    def held(self) -> int:
        """States kept, of all cameras."""
        with self._changed:
            return sum(len(record.states) for record in self._records.values())

    def publish(self, camera: str, frame_index: int, known_tracks: frozenset[int]) -> None:
        """The results of this frame are in; frames of a camera come in order.

        Raises:
            ValueError: this frame or a later one was published before, and the board is exact. Live a camera may
                come back whose end was lost with a stage that failed.
        """
        with self._changed:
            record = self._records.setdefault(camera, _Record())
            if self._exact and frame_index <= record.newest:
                raise ValueError(f"{camera}: frame {frame_index} published after frame {record.newest}")
            record.newest = frame_index
            if not self._exact:
                record.states[-1] = known_tracks  # nobody asks for older ones, for weeks
            elif known_tracks != record.states[-1]:
                record.frames.append(frame_index)
                record.states.append(known_tracks)
            self._changed.notify_all()

    def state_at(self, camera: str, frame_index: int) -> frozenset[int]:
        """Known tracks after this frame and before the next; waits for it. A negative index: nobody, at once.

        A board that is not exact answers with the newest state instead, and never waits.

        Raises:
            ChannelClosed: the run was stopped, now or while waiting.
            LookupError: the camera finished before this frame, or an older state was asked for than before.
        """
        if not self._exact:
            return self.latest(camera)
        if frame_index < 0:
            return NOBODY
        with self._changed:
            record = self._records.setdefault(camera, _Record())
            self._changed.wait_for(lambda: record.newest >= frame_index or record.finished or self._aborted)
            if self._aborted:
                raise ChannelClosed("feedback")
            if record.newest < frame_index:
                raise LookupError(f"{camera}: finished at frame {record.newest}, asked for {frame_index}")
            position = bisect_right(record.frames, frame_index) - 1
            if position < 0:
                raise LookupError(
                    f"{camera}: the state at frame {frame_index} is gone, a later one was asked for"
                )
            del record.frames[:position], record.states[:position]
            return record.states[0]

    def latest(self, camera: str) -> frozenset[int]:
        """Known tracks after the newest frame there is, without waiting: for live, where frames are dropped."""
        with self._changed:
            record = self._records.get(camera)
            return NOBODY if record is None else record.states[-1]

    def pause(self, camera: str, frames: int) -> None:
        """The camera is away after this many frames: its tracks are over. Frames from there on may still come."""
        with self._changed:
            record = self._records.get(camera)
            if record is None:
                return
            if not self._exact:
                del self._records[camera]
                return
            record.newest = max(record.newest, frames - 1)
            if record.states[-1]:
                record.frames.append(record.newest + 1)
                record.states.append(NOBODY)
            self._changed.notify_all()

    def finish(self, camera: str) -> None:
        """The camera has ended: forget it, so that another of the same name starts with nobody known."""
        with self._changed:
            record = self._records.pop(camera, None)
            if record is not None:
                record.finished = True
                self._changed.notify_all()

    def abort(self) -> None:
        """Wake everyone who waits with ChannelClosed; later questions get it too."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()
