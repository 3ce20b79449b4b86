"""Counting what is missing by the numbers of what is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.delivery.gap import Gap, Numbers, number_of


def numbered(n: int | None) -> dict[bytes, bytes]:
    """Fields of an entry with this number."""
    return {} if n is None else {b"n": str(n).encode()}


@pytest.mark.parametrize(
    ("seen", "missed"),
    [
        ([5, 6, 7], [0, 0, 0]),
        ([5, 9, 10], [0, 3, 0]),
        ([5, 5, 6], [0, 0, 0]),
        ([500, 1, 2, 4], [0, 0, 0, 1]),
        ([None, 5, None, 6, 8], [0, 0, 0, 0, 1]),
    ],
)
def test_missing_numbers_are_counted_and_a_new_beginning_is_none(
    seen: list[int | None], missed: list[int]
) -> None:
    numbers = Numbers()
    assert [numbers.missed(numbered(n)) for n in seen] == missed


@given(st.sets(st.integers(1, 200), min_size=1))
def test_what_is_missed_and_what_is_seen_is_all(seen: set[int]) -> None:
    numbers = Numbers()
    missed = sum(numbers.missed(numbered(n)) for n in sorted(seen))
    assert missed + len(seen) == max(seen) - min(seen) + 1


def test_what_is_no_number_is_none() -> None:
    assert number_of({b"n": b"12"}) == 12
    assert number_of({b"n": b"-1"}) is number_of({b"n": b"x"}) is number_of({}) is None


def test_a_gap_says_how_many_or_that_nobody_knows() -> None:
    assert str(Gap("s", "7-0", 3)).startswith("3 events of s are missing before 7-0")
    assert str(Gap("s", "7-0", None)).startswith("an unknown number of events of s")
