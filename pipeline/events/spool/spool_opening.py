"""Taking a spool's folder: the lock, what earlier runs left there, and what to go on with."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.clock import Clock
from pipeline.errors import OutsideError
from pipeline.events.delivery.refusals import reason
from pipeline.events.file_lock import locked
from pipeline.events.spool.spool_segment import (
    FoundSegment,
    Segment,
    SegmentHead,
    cut_off,
    find_segment,
    segments_in,
)

REPAIR = "make room, see to it that the folder can be written to, or choose another with --data"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A spool's folder, which is ours until `close`."""

    folder: Path
    segments: Sequence[Segment]
    """of earlier runs, oldest first; those without a record are gone"""
    head: SegmentHead
    """what to go on with"""
    published: int
    """number up to which Redis had all when the last run said so"""
    damaged: int
    """records that could not be read, and that nobody has been told of"""
    lock: ExitStack

    def note_published(self, number: int) -> None:
        """Leave a word for the next run: a hint, which Redis corrects. Raises OSError."""
        path = self.folder / "published"
        new = path.with_suffix(".new")
        new.write_text(f"{number}\n", "ascii")
        new.chmod(0o600)
        new.replace(path)

    def close(self) -> None:
        """Let go of the folder. Never raises, may be called twice."""
        self.lock.close()


def open_spool(folder: Path, clock: Clock) -> Opened:
    """Take the folder, and look through it; damaged records are passed over, and torn ones at the end cut off.

    Raises OutsideError, one line, where another program has the folder or it cannot be used.
    """
    with ExitStack() as undo:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            undo.enter_context(locked(folder / "lock"))
            opened = _look_through(folder, clock, undo)
        except TimeoutError:
            raise OutsideError(
                f"{folder} is in use: another monitor runs on this data folder; stop it, or choose another with --data"
            ) from None
        except OSError as error:
            raise OutsideError(f"the spool {folder} cannot be used: {reason(error)}; {REPAIR}") from error
        undo.pop_all()
        return opened


def _look_through(folder: Path, clock: Clock, held: ExitStack) -> Opened:
    published = _published(folder)
    found: list[FoundSegment] = []
    last = 0
    for path in segments_in(folder):
        each = find_segment(path, last, published)
        _say(each)
        if each.torn:
            cut_off(each)
        last = max(last, each.segment.last)
        found.append(each)
    head = _next(found, last, clock)
    lock = ExitStack()
    lock.push(held.pop_all())
    return Opened(
        folder,
        [each.segment for each in found],
        head,
        min(published, last),
        sum(each.damaged for each in found),
        lock,
    )


def _next(found: Sequence[FoundSegment], last: int, clock: Clock) -> SegmentHead:
    """What new records go on with: behind all that was there, and not before now."""
    heads = [each.head for each in found if each.head is not None]
    now_us = int(1_000_000 * clock.now().timestamp())
    # above each head's number too: it is the name of a file
    number = max([last + 1, now_us, *(head.number + 1 for head in heads)])
    ordinal = max([1, *(head.ordinal for head in heads), *(each.last_ordinal + 1 for each in found)])
    return SegmentHead(heads[-1].producer if heads else secrets.token_hex(16), number, ordinal)


def _published(folder: Path) -> int:
    """What the last run left word of; 0 where it did not, or not in a way that can be read."""
    try:
        return int((folder / "published").read_bytes())
    except (OSError, ValueError):
        return 0


def _say(found: FoundSegment) -> None:
    path = found.segment.path
    if found.head is None:
        log.warning("%s: its head is damaged", path)
    if found.damaged:
        log.warning("%s: %d events are damaged and skipped", path, found.damaged)
    if found.torn:
        log.warning(
            "%s: cut off %d bytes at its end, of an event that was not written whole", path, found.torn
        )
