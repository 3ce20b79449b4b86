"""From a stream's timestamps to seconds since the recording began."""

from __future__ import annotations

from fractions import Fraction

FALLBACK_RATE = Fraction(25)
"""frames a second where neither timestamps nor header say anything; FFmpeg's own guess for raw streams"""

JUMP_BACK_S = 1.0
"""timestamps that fall back farther than this began anew (recordings joined into one file); less is jitter"""

JUMP_AHEAD_S = 86_400.0
"""a gap of more than a day is a damaged timestamp; a shorter one is kept, a camera may have been off"""


class Timeline:
    """Seconds since the first frame, one frame after the other, never decreasing.

    A missing timestamp continues at the frame rate, one that goes back a little is held, and one that jumps
    starts a new stretch one frame period after the last.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None, origin: int | None = None) -> None:
        self._time_base = time_base
        self._period_s = float(1 / (rate or FALLBACK_RATE))
        self._origin = origin
        self._last_s = -self._period_s
        self._shift_s = 0.0
        self._derived = 0
        self._anchor_s = -self._period_s
        self._stamps = _BestStamp()
        self.stamped = False
        """whether any frame had a timestamp"""

    @property
    def origin(self) -> int | None:
        """Timestamp of second 0 in units of the time base; None until a frame had one."""
        return self._origin

    def next_s(self, pts: int | None, dts: int | None) -> float:
        """Seconds of the next frame in display order with these timestamps, in units of the time base."""
        stamp = self._stamps.choose(pts, dts)
        if stamp is None:
            self._derived += 1
            self._last_s = max(self._last_s, self._anchor_s + self._derived * self._period_s)
            return self._last_s
        self.stamped = True
        if self._origin is None:
            # Frames before the first timestamp have had theirs derived from the rate.
            self._origin = stamp
            self._shift_s = self._last_s + self._period_s
        seconds = self._to_s(stamp) + self._shift_s
        if not -JUMP_BACK_S <= seconds - self._last_s <= JUMP_AHEAD_S:
            self._shift_s += self._last_s + self._period_s - seconds
            seconds = self._to_s(stamp) + self._shift_s
        self._last_s = max(self._last_s, seconds)
        self._anchor_s, self._derived = self._last_s, 0
        return self._last_s

    def stamp_at(self, seconds: float) -> int | None:
        """The timestamp of this second, where no stretch began anew before it; None without timestamps."""
        if self._origin is None:
            return None
        return self._origin + int(seconds / self._time_base)

    def _to_s(self, stamp: int) -> float:
        assert self._origin is not None
        return (stamp - self._origin) * self._time_base.numerator / self._time_base.denominator


class _BestStamp:
    """Presentation time, or decoding time where the presentation times prove worse.

    Some muxers wrote presentation times that go back; the rule is that of FFmpeg's `guess_correct_pts`
    (libavcodec/decode.c): whichever has gone back less often.
    """

    def __init__(self) -> None:
        self._faulty_pts = self._faulty_dts = 0
        self._last_pts: int | None = None
        self._last_dts: int | None = None

    def choose(self, pts: int | None, dts: int | None) -> int | None:
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        return dts
