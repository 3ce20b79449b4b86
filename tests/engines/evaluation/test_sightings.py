"""Counting what was said of sightings: plays whose every number is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.evaluation.sightings import (
    PURE,
    Called,
    Ending,
    JudgedSighting,
    Rate,
    Said,
    Withdrawal,
    count_sightings,
    majority,
)

Z = 1.959963984540054
"""97.5 % of a normal distribution lie below"""


def sighting(*names: str | None, person: str | None = "Ann", enrolled: bool = True) -> JudgedSighting:
    """First seen at second 1, then one event a second and every 25 frames with these names."""
    said = tuple(Said(2.0 + n, 25 * n, name) for n, name in enumerate(names))
    return JudgedSighting(person, enrolled, 1.0, 1.0, said)


def test_named_right_at_once() -> None:
    one = sighting("Ann", "Ann")
    assert one.ending is Ending.RIGHT
    assert one.given == (Called.RIGHT,)
    assert one.withdrawn == ()
    assert one.right_after_s == 1.0
    assert one.wrong_s == 0.0


def test_a_wrong_name_that_was_put_right_stood_for_a_while() -> None:
    one = sighting(None, "Bob", "Bob", "Ann", "Ann")
    assert one.ending is Ending.RIGHT
    assert one.given == (Called.WRONG, Called.RIGHT)
    assert one.withdrawn == (Withdrawal(Called.WRONG, Called.RIGHT),)
    assert one.wrong_s == 2.0  # from the second event to the fourth
    assert one.wrong_frames == 50
    assert one.right_after_s == 4.0


def test_a_right_name_lost_and_found_is_given_twice() -> None:
    one = sighting("Ann", None, "Ann")
    assert one.given == (Called.RIGHT, Called.RIGHT)
    assert one.withdrawn == (Withdrawal(Called.RIGHT, Called.NOBODY),)
    assert one.right_after_s == 1.0


def test_from_one_wrong_name_to_another() -> None:
    one = sighting("Bob", "Cid", person="Dan", enrolled=False)
    assert one.ending is Ending.WRONG
    assert one.given == (Called.WRONG, Called.WRONG)
    assert one.withdrawn == (Withdrawal(Called.WRONG, Called.WRONG),)
    assert one.wrong_s == 1.0


@pytest.mark.parametrize(
    ("person", "enrolled", "name", "ending"),
    [
        ("Ann", True, None, Ending.MISSED),
        ("Ann", False, None, Ending.UNKNOWN),
        (None, False, None, Ending.UNKNOWN),
        ("Ann", False, "Ann", Ending.WRONG),  # somebody else is enrolled under her name
        (None, False, "Bob", Ending.WRONG),
        ("Ann", True, "Bob", Ending.WRONG),
    ],
)
def test_endings(person: str | None, enrolled: bool, name: str | None, ending: Ending) -> None:
    assert sighting(name, person=person, enrolled=enrolled).ending is ending


def test_counts_of_a_group() -> None:
    counts = count_sightings(
        [
            sighting("Ann", "Ann"),
            sighting(None, "Bob", "Ann", "Ann"),
            sighting("Ann", None),
            sighting(None, None),
            sighting("Ann", "Bob"),
            sighting(None, person="Cid", enrolled=False),
            sighting("Bob", None, person="Cid", enrolled=False),
            JudgedSighting(None, False, 0.5, 0.0, (Said(0.5, 3, None),)),
        ]
    )
    assert counts.sightings == 8
    assert (counts.right, counts.missed) == (Rate(2, 5), Rate(2, 5))
    assert (counts.wrong, counts.unknown) == (Rate(1, 8), Rate(3, 3))
    assert counts.ever_wrong == Rate(3, 8)
    assert (counts.names_given, counts.names_wrong) == (7, 3)
    assert (counts.right_withdrawn, counts.wrong_withdrawn, counts.wrong_put_right) == (2, 2, 1)
    assert counts.wrong_s == 2.0
    assert counts.wrong_frames == 50
    assert counts.right_after_s == 1.0  # of 1, 3, 1 and 1
    assert counts.mixed == 1
    just_pure = JudgedSighting(None, False, PURE, 0.0, (Said(0.5, 3, None),))
    assert count_sightings([just_pure]).mixed == 0


def test_nothing_to_count() -> None:
    counts = count_sightings([])
    assert counts.right.value is None
    assert counts.right.interval().high == 1.0
    assert counts.right_after_s is None


@pytest.mark.parametrize(("count", "of"), [(0, 14), (14, 14), (3, 20), (1, 1)])
def test_intervals_are_wilsons(count: int, of: int) -> None:
    share = count / of
    middle = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    interval = Rate(count, of).interval()
    assert interval.low == pytest.approx(middle - half, abs=1e-12)
    assert interval.high == pytest.approx(middle + half, abs=1e-12)


def test_a_rate_counts_no_more_than_there_are() -> None:
    with pytest.raises(ValueError, match="from 0 to 3, got 4"):
        Rate(4, 3)


def test_what_is_no_sighting() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        sighting()
    with pytest.raises(ValueError, match="nobody cannot be enrolled"):
        sighting("Ann", person=None)
    with pytest.raises(ValueError, match="order of their time"):
        JudgedSighting("Ann", True, 1.0, 0.0, (Said(2.0, 50, None), Said(1.0, 25, None)))


def test_the_most_seen_is_whom_a_sighting_shows() -> None:
    found = majority(["Ann", None, "Bob", "Bob", "Ann", "Ann"])
    assert (found.person, found.share) == ("Ann", 0.5)
    assert majority(["Bob", "Ann"]).person == "Bob"
    assert majority([None]).person is None
    with pytest.raises(ValueError, match="at least one face"):
        majority([])


NAMES = st.sampled_from(["Ann", "Bob", "Cid", None])
SIGHTINGS = st.builds(
    lambda names, person, enrolled: sighting(*names, person=person, enrolled=enrolled and person is not None),
    st.lists(NAMES, min_size=1, max_size=8),
    NAMES,
    st.booleans(),
)


@given(st.lists(SIGHTINGS, max_size=12))
def test_every_sighting_ends_in_one_way(every: list[JudgedSighting]) -> None:
    counts = count_sightings(every)
    ends = counts.right.count + counts.wrong.count + counts.missed.count + counts.unknown.count
    assert ends == counts.sightings == len(every)
    assert counts.wrong.count <= counts.ever_wrong.count <= counts.names_wrong
    # a name is either the last, or taken back
    named = counts.right.count + counts.wrong.count
    assert counts.names_given == named + counts.right_withdrawn + counts.wrong_withdrawn


@given(SIGHTINGS)
def test_wrong_time_is_part_of_the_sighting(one: JudgedSighting) -> None:
    assert 0.0 <= one.wrong_s <= one.said[-1].pts_s - one.said[0].pts_s
    assert (one.wrong_frames == 0) == (one.wrong_s == 0.0)
    assert (one.right_after_s is not None) == (Called.RIGHT in one.given)
