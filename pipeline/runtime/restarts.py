"""When a stage that failed is started again, and when it is no use: a pure account of failures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

MAX_REST_S = 60.0
"""longest time for which a camera that fails by itself is not tried: one frame a minute costs the others nothing"""

MOST_DOUBLINGS = 32
"""of a wait: far beyond any limit, and no number too large for a float after weeks"""

HUNG_AFTER_S = 60.0
"""A minute without an answer from a network is no slow answer. Nothing in this program can end a call that does not
return, and while it lasts nobody is recognised: the run ends, with exit code 3, so that whatever started the program
starts it again"""


@dataclass(frozen=True, slots=True)
class RestartRules:
    """How often and how fast a stage is started again; see config.schema.Runtime for the first two."""

    max_restarts: int
    """within the window; one failure more ends the run. 0: the first one does"""
    window_s: float
    backoff_s: float = 0.5
    """before the first restart, twice as long before each one more within the window: what broke by chance is back
    soon, and what stays broken costs no processor"""
    max_backoff_s: float = 30.0
    hung_after_s: float = HUNG_AFTER_S
    """at one batch: then the run ends"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a failure of the stage."""

    times: int
    """such failures within the window, this one too"""
    spent: bool
    """no restart is left"""
    wait_s: float
    """before the stage is opened again"""


@dataclass(slots=True)
class _Record:
    """A camera whose item failed."""

    failed_s: float
    in_a_row: int = 0
    """failures of its own since its last item that passed"""
    passed: bool = False
    """an item of it passed since"""
    others_passed: bool = False
    """an item of another camera passed since"""


class Failures:
    """Whose failure it is: the stage's, which is then started again, or one camera's.

    One camera's poison, a picture that no code foresaw, must not end the work for all others, however often it
    comes. So a failure is the camera's own when other cameras' items have passed since the camera failed last, and
    either none of its own has, or nobody else has failed in between. Such a failure is not counted against the
    stage. The camera rests: after its second failure in a row its items are lost untried for a second, then for
    two, up to MAX_REST_S, until one passes.

    Every other failure is the stage's: a camera's first one, or any where only one camera is watched, because then
    nothing tells the camera from the stage.

    Times are seconds of any clock that never goes back. Not thread-safe: its owner is one worker.
    """

    def __init__(self, rules: RestartRules) -> None:
        self._rules = rules
        self._times_s: deque[float] = deque(maxlen=rules.max_restarts + 1)
        self._records: dict[str, _Record] = {}
        self._last: str | None = None

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those whose failures are remembered."""
        return tuple(self._records)

    def passed(self, cameras: Iterable[str]) -> None:
        """Items of these cameras went through the stage."""
        if not self._records:
            return
        there = set(cameras)
        for camera, record in self._records.items():
            if camera in there:
                record.passed, record.in_a_row = True, 0
            record.others_passed = record.others_passed or bool(there - {camera})

    def is_own(self, camera: str, now_s: float) -> bool:
        """An item of this camera failed: whether that is the camera's own failure. Notes it either way."""
        self._forget_old(now_s)
        record = self._records.get(camera)
        own = (
            record is not None
            and record.others_passed
            and (not record.passed or self._last == camera)
            and self._rules.max_restarts > 0
        )
        if own:
            self.blame(camera, now_s)
        else:
            self._records[camera] = _Record(now_s)
            self._last = camera
        return own

    def blame(self, camera: str, now_s: float) -> None:
        """This failure is the camera's own, whatever happened before: the rest of its batch passed."""
        before = self._records.get(camera)
        in_a_row = 0 if before is None or before.passed else before.in_a_row
        self._records[camera] = _Record(now_s, in_a_row + 1)
        self._last = camera

    def of_stage(self, now_s: float) -> Verdict:
        """The stage failed, at work or while it was opened again."""
        self._times_s.append(now_s)
        times = sum(now_s - failed_s <= self._rules.window_s for failed_s in self._times_s)
        wait_s = self._rules.backoff_s * 2.0 ** min(times - 1, MOST_DOUBLINGS)
        return Verdict(times, times > self._rules.max_restarts, min(wait_s, self._rules.max_backoff_s))

    def rests(self, camera: str, now_s: float) -> bool:
        """Whether items of this camera are lost untried for now."""
        record = self._records.get(camera)
        if record is None or record.in_a_row < 2:
            return False
        rest_s = min(2.0 ** min(record.in_a_row - 2, MOST_DOUBLINGS), MAX_REST_S)
        return now_s - record.failed_s < rest_s

    def left(self, camera: str) -> None:
        """The camera is gone: forget it."""
        self._records.pop(camera, None)

    def _forget_old(self, now_s: float) -> None:
        kept_s = max(self._rules.window_s, 2.0 * MAX_REST_S)
        old = [camera for camera, record in self._records.items() if now_s - record.failed_s > kept_s]
        for camera in old:
            del self._records[camera]
