"""Names given, right, wrong, missed and withdrawn in video, counted per sighting.

A sighting is what a run published about one face from `new` to `end`: whom it was taken for, event by event. Held
against whom it truly shows, its end says how it was decided, and its changes say what was withdrawn on the way. A
name that was wrong for a second has been told to somebody, so it counts although it was withdrawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from engines.evaluation.verification import Interval

PURE = 0.9
"""a sighting with a smaller part of its faces of one person shows two people mixed up"""


class Called(StrEnum):
    """What a sighting's face is called at a moment, against who it is."""

    RIGHT = "right"
    WRONG = "wrong"
    NOBODY = "nobody"


class Ending(StrEnum):
    """How a sighting was decided in the end."""

    RIGHT = "right"
    """enrolled, and named so"""
    WRONG = "wrong"
    """named, but as somebody else, or although nobody knows them"""
    MISSED = "missed"
    """enrolled, and not named"""
    UNKNOWN = "unknown"
    """not enrolled, and not named: as it should be"""


@dataclass(frozen=True, slots=True)
class Said:
    """Whom a sighting was taken for from one event on."""

    pts_s: float
    frame_index: int
    name: str | None
    """None: nobody in the gallery"""


@dataclass(frozen=True, slots=True)
class JudgedSighting:
    """A sighting, what was said of it, and the truth."""

    person: str | None
    """whom most of its faces show; None where the truth has nobody there"""
    enrolled: bool
    """whether the gallery knows this person"""
    purity: float
    """part of its faces that show this person, in (0, 1]"""
    from_s: float
    """first seen, seconds of the clip"""
    said: tuple[Said, ...]
    """its events in order, `new` first and `end` last"""

    def __post_init__(self) -> None:
        if not self.said:
            raise ValueError("a sighting has at least one event")
        if self.enrolled and self.person is None:
            raise ValueError("nobody cannot be enrolled")
        if any(a.pts_s > b.pts_s for a, b in pairwise(self.said)):
            raise ValueError("events must come in the order of their time")

    def called(self, said: Said) -> Called:
        """What this event calls the face."""
        if said.name is None:
            return Called.NOBODY
        return Called.RIGHT if self.enrolled and said.name == self.person else Called.WRONG

    @property
    def ending(self) -> Ending:
        """How it was decided in the end."""
        last = self.called(self.said[-1])
        if last is Called.NOBODY:
            return Ending.MISSED if self.enrolled else Ending.UNKNOWN
        return Ending.RIGHT if last is Called.RIGHT else Ending.WRONG

    @property
    def given(self) -> tuple[Called, ...]:
        """Every name given, right or wrong: the first one, and each that replaced another or none."""
        before = (None, *(said.name for said in self.said))
        return tuple(
            self.called(said)
            for said, earlier in zip(self.said, before, strict=False)
            if said.name is not None and said.name != earlier
        )

    @property
    def withdrawn(self) -> tuple[Withdrawal, ...]:
        """Every name that was taken back, and what the face was called after it."""
        return tuple(
            Withdrawal(self.called(a), self.called(b))
            for a, b in pairwise(self.said)
            if a.name is not None and b.name != a.name
        )

    @property
    def wrong_s(self) -> float:
        """Seconds for which a wrong name stood."""
        return sum(b.pts_s - a.pts_s for a, b in self._wrong())

    @property
    def wrong_frames(self) -> int:
        """Frames for which a wrong name stood."""
        return sum(b.frame_index - a.frame_index for a, b in self._wrong())

    @property
    def right_after_s(self) -> float | None:
        """Seconds from the first sight to the right name; None where it was never given."""
        right = (said.pts_s for said in self.said if self.called(said) is Called.RIGHT)
        found = next(right, None)
        return None if found is None else found - self.from_s

    def _wrong(self) -> list[tuple[Said, Said]]:
        return [(a, b) for a, b in pairwise(self.said) if self.called(a) is Called.WRONG]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A name taken back."""

    name: Called
    """right or wrong"""
    then: Called
    """what the face was called next"""


@dataclass(frozen=True, slots=True)
class Rate:
    """A part of a count, and how far a count so small can be trusted."""

    count: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.of:
            raise ValueError(f"count must be from 0 to {self.of}, got {self.count}")

    @property
    def value(self) -> float | None:
        """None where there was nothing to count."""
        return self.count / self.of if self.of else None

    def interval(self, confidence: float = 0.95) -> Interval:
        """Wilson's score interval (JASA 22, 1927), which holds for small counts and at 0 and 1; all for none."""
        from scipy.stats import binomtest

        if not self.of:
            return Interval(0.0, 1.0)
        found = binomtest(self.count, self.of).proportion_ci(confidence, method="wilson")
        return Interval(float(found.low), float(found.high))


@dataclass(frozen=True, slots=True)
class SightingCounts:
    """What became of a group of sightings."""

    sightings: int
    right: Rate
    """of the sightings of enrolled people, those named right in the end"""
    wrong: Rate
    """of all, those named wrong in the end"""
    missed: Rate
    """of the sightings of enrolled people, those without a name in the end"""
    unknown: Rate
    """of the sightings of others, those without a name in the end"""
    ever_wrong: Rate
    """of all, those that were called by a wrong name at any moment"""
    names_given: int
    """one a sighting, and one more for each change to another name"""
    names_wrong: int
    """of the names given"""
    right_withdrawn: int
    """right names taken back: the face was called nobody or somebody else afterwards"""
    wrong_withdrawn: int
    """wrong names taken back: the face was called nobody or somebody else afterwards"""
    wrong_put_right: int
    """of them, those that the right name followed at once"""
    wrong_s: float
    """seconds for which wrong names stood, over all"""
    wrong_frames: int
    right_after_s: float | None
    """seconds from first sight to the right name, the median; None where there was none"""
    mixed: int
    """sightings that show more than one person: fewer than PURE of their faces are of the one most seen"""


def count_sightings(sightings: Iterable[JudgedSighting]) -> SightingCounts:
    """Count what became of these sightings."""
    every = tuple(sightings)
    endings = Counter(each.ending for each in every)
    enrolled = sum(each.enrolled for each in every)
    given = [called for each in every for called in each.given]
    withdrawn = [one for each in every for one in each.withdrawn]
    wrong = [one for one in withdrawn if one.name is Called.WRONG]
    waits = [wait for each in every if (wait := each.right_after_s) is not None]
    return SightingCounts(
        sightings=len(every),
        right=Rate(endings[Ending.RIGHT], enrolled),
        wrong=Rate(endings[Ending.WRONG], len(every)),
        missed=Rate(endings[Ending.MISSED], enrolled),
        unknown=Rate(endings[Ending.UNKNOWN], len(every) - enrolled),
        ever_wrong=Rate(sum(Called.WRONG in each.given for each in every), len(every)),
        names_given=len(given),
        names_wrong=sum(called is Called.WRONG for called in given),
        right_withdrawn=len(withdrawn) - len(wrong),
        wrong_withdrawn=len(wrong),
        wrong_put_right=sum(one.then is Called.RIGHT for one in wrong),
        wrong_s=sum(each.wrong_s for each in every),
        wrong_frames=sum(each.wrong_frames for each in every),
        right_after_s=median(waits) if waits else None,
        mixed=sum(each.purity < PURE for each in every),
    )


@dataclass(frozen=True, slots=True)
class Majority:
    """Whom most faces of a sighting show."""

    person: str | None
    share: float
    """part of the faces that show them, in (0, 1]"""


def majority(people: Sequence[str | None]) -> Majority:
    """Whom most of these faces show, the first on a tie; None: nobody. Raises ValueError for no face at all."""
    if not people:
        raise ValueError("a sighting has at least one face")
    person, count = Counter(people).most_common(1)[0]
    return Majority(person, count / len(people))
