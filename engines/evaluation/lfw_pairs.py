"""Lists of pairs as Labeled Faces in the Wild has them: pairs.txt of View 2, pairsDevTrain.txt of View 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from engines.arrays import I64, Bools
from engines.errors import EvaluationError

MAX_BYTES = 1 << 26
"""of a list; LFW's own has 155 kB"""
NAMED = 3
"""photos that a message names"""


@dataclass(frozen=True, slots=True)
class PairRows:
    """Where the photos of each pair are found."""

    first: I64
    """(P,)"""
    second: I64
    """(P,)"""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of photos in folds of equal size."""

    first: tuple[str, ...]
    """photos without ending: Ann_Lee/Ann_Lee_0003"""
    second: tuple[str, ...]
    same: Bools
    """(P,) whether both show one person"""
    fold: I64
    """(P,) counted from 0, rising"""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def folds(self) -> int:
        """How many there are."""
        return int(self.fold[-1]) + 1 if len(self) else 0

    @property
    def photos(self) -> frozenset[str]:
        """Every photo of a pair."""
        return frozenset(self.first) | frozenset(self.second)

    @property
    def people(self) -> frozenset[str]:
        """Everybody whom a pair names."""
        return frozenset(photo.partition("/")[0] for photo in self.photos)

    def first_folds(self, count: int) -> Pairs:
        """The pairs of the first folds; all where there are not so many."""
        end = int(np.searchsorted(self.fold, count))
        return Pairs(self.first[:end], self.second[:end], self.same[:end], self.fold[:end])

    def rows_in(self, names: Sequence[str], source: str) -> PairRows:
        """The photos' rows in a list of photos' places, as Ann_Lee/Ann_Lee_0003.jpg.

        Raises EvaluationError, which calls the list `source`, where some are not in it, or in it twice.
        """
        keys = [photo_key(name) for name in names]
        rows = {key: row for row, key in enumerate(keys)}
        if missing := [key for key in dict.fromkeys(self.first + self.second) if key not in rows]:
            raise EvaluationError(
                f"{source}: {len(missing)} of the {len(self.photos)} photos that the pairs name cannot be had: "
                f"{listed(missing)}; give the photos that the pairs were drawn from"
            )
        if doubled := [key for key, count in Counter(keys).items() if count > 1 and key in self.photos]:
            raise EvaluationError(
                f"{source}: {listed(doubled)} {'is' if len(doubled) == 1 else 'are'} there more than once; "
                "leave one photo a name"
            )
        first, second = (
            np.array([rows[key] for key in side], np.int64) for side in (self.first, self.second)
        )
        return PairRows(first, second)


def photo_key(name: str) -> str:
    """A photo's place as pairs know it: the person's folder and the name without ending and number of copy.

    >>> photo_key("Ann_Lee/Ann_Lee_0003.jpg")
    'Ann_Lee/Ann_Lee_0003'
    """
    path = PurePosixPath(name)
    return f"{path.parent.name}/{path.stem}"


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def read_pairs(path: Path) -> Pairs:
    """A list of pairs: a header, then in each fold `person a b` so often, and `person a other b` as often.

    The header of View 2 is `folds pairs`, that of View 1, which has one fold, `pairs`. Words are parted by tabs,
    or by spaces where a line has no tab. Raises EvaluationError, which names file and line.
    """
    lines = _lines(path)
    header = _words(lines[0]) if lines else []
    if len(header) not in (1, 2) or not all(_is_count(word) for word in header):
        raise EvaluationError(
            f"{path}: line 1: expected the numbers of folds and of pairs, as '10 300', or of pairs alone; "
            "give a pairs.txt as LFW has it"
        )
    folds, kind = (int(header[0]) if len(header) == 2 else 1), int(header[-1])
    if len(lines) - 1 != 2 * folds * kind:
        raise EvaluationError(
            f"{path}: line 1 promises {folds} x {2 * kind} pairs, and {len(lines) - 1} follow; fetch the file again"
        )
    same = np.tile(np.repeat([True, False], kind), folds)
    first, second = [], []
    for number, (line, matched) in enumerate(zip(lines[1:], same.tolist(), strict=True), 2):
        words = _words(line)
        if reason := _what_is_wrong(words, matched):
            raise EvaluationError(f"{path}: line {number}: {reason}; fetch the file again")
        first.append(_photo(words[0], words[1]))
        second.append(_photo(words[0] if matched else words[2], words[-1]))
    return Pairs(tuple(first), tuple(second), same, np.repeat(np.arange(folds, dtype=np.int64), 2 * kind))


def _lines(path: Path) -> list[str]:
    """The lines, without empty ones at the end. Raises EvaluationError."""
    try:
        with path.open("rb") as file:  # a pipe will do: --pairs <(head -601 pairs.txt)
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror}); give a pairs.txt") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is no text; give a pairs.txt") from error
    if len(data) > MAX_BYTES:
        raise EvaluationError(f"{path}: has more than {MAX_BYTES >> 20} MiB; give a pairs.txt")
    return text.rstrip().split("\n")


def _words(line: str) -> list[str]:
    return [word.strip() for word in line.split("\t")] if "\t" in line.strip() else line.split()


def _what_is_wrong(words: Sequence[str], matched: bool) -> str:
    """Why this is no pair of its kind; empty where it is one."""
    shape = "'person number number'" if matched else "'person number other number'"
    if len(words) != (3 if matched else 4) or not (_is_count(words[1]) and _is_count(words[-1])):
        return f"expected {shape}, a pair of {'one person' if matched else 'two people'}, got {' '.join(words)!a}"
    if not all(words):
        return f"a name is empty in {' '.join(words)!a}"
    if matched and int(words[1]) == int(words[2]):
        return f"a photo is paired with itself in {' '.join(words)!a}"
    if not matched and words[0] == words[2]:
        return f"a pair of two people names one in {' '.join(words)!a}"
    return ""


def _is_count(word: str) -> bool:
    """Whether it is a number from 1 to nine digits."""
    return word.isascii() and word.isdigit() and len(word) <= 9 and int(word) > 0


def _photo(person: str, number: str) -> str:
    return f"{person}/{person}_{int(number):04d}"
