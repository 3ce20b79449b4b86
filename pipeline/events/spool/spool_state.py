"""How a spool is doing, for status, metrics and health."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpoolDrops:
    """Events that subscribers will not get, since the program started, by why. Each is a gap that they are told of."""

    full: int = 0
    """the oldest on disk, when the spool had reached spool.max_mb"""
    unwritable: int = 0
    """the oldest in memory, while the disk took none"""
    damaged: int = 0
    """found damaged on disk"""
    refused: int = 0
    """Redis took others, and not these, however often it was asked"""

    @property
    def total(self) -> int:
        """of all kinds"""
        return self.full + self.unwritable + self.damaged + self.refused


@dataclass(frozen=True, slots=True)
class SpoolState:
    """A moment of the spool."""

    waiting: int
    """events that Redis has not confirmed"""
    oldest_waiting_s: float | None
    """age of the first of them; None where none waits"""
    bytes: int
    """on disk, with those that are published and kept for a while"""
    unflushed: int
    """events that are not on disk yet"""
    flush_lag_s: float
    """from `publish` to the disk: of the last flush, or of the oldest unflushed event where that is more"""
    dropped: SpoolDrops
    published: int
    """events that Redis confirmed, since the program started"""
    connected: bool
    """Redis has answered, and took what it was last given"""
    redis_problem: str | None
    """why events are not being published, in one line without passwords; None where they are"""
    copies_problem: str | None
    """why the copies of pub/sub are not published, while the stream gets its events"""
    disk_problem: str | None
    """why events are not being written, in one line; None where they are"""

    @property
    def problem(self) -> str | None:
        """All problems in one line; None where there is none."""
        found = [each for each in (self.redis_problem, self.copies_problem, self.disk_problem) if each]
        return "; ".join(found) or None
