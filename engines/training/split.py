"""Who is for training, who for choosing, who for the final test: decided by the name, before anything else.

A person's part follows from a hash of the name alone, so that the same person is in the same part of every data set,
today and after more people were added.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

TEST, VALIDATION = 0.5, 0.1
"""of all people, and of those who are not for the test"""


@dataclass(frozen=True, slots=True)
class Split:
    """Names of people, as they were given; nobody is in two parts, under any spelling of `plain_name`."""

    train: frozenset[str]
    validation: frozenset[str]
    """for choosing: when to stop, which of several"""
    test: frozenset[str]
    """for the figures that are told, and for nothing before"""


def plain_name(name: str) -> str:
    """What stays of a name when spelling is set aside: case, accents, underscores and spaces.

    >>> plain_name("Zoë_Ball") == plain_name("ZOE  BALL")
    True
    """
    letters = unicodedata.normalize("NFKD", name)
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(bare.casefold().replace("_", " ").split())


def split_people(
    names: Iterable[str], test: float = TEST, validation: float = VALIDATION, seed: int = 0
) -> Split:
    """Part people by their names.

    Args:
        test: the share of all people who are for the test.
        validation: the share of the others who are for choosing.
        seed: another one parts them otherwise.

    Raises ValueError for a share outside [0, 1).
    """
    for key, share in (("test", test), ("validation", validation)):
        if not 0.0 <= share < 1.0:
            raise ValueError(f"{key} must be at least 0 and below 1, got {share}")
    parts: tuple[set[str], set[str], set[str]] = (set(), set(), set())
    border = test + (1.0 - test) * validation
    for name in names:
        at = _place(plain_name(name), seed)
        parts[2 if at < test else 1 if at < border else 0].add(name)
    return Split(*(frozenset(each) for each in parts))


def _place(name: str, seed: int) -> float:
    """A number in [0, 1) that looks like chance and is the same on every machine."""
    digest = sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64
