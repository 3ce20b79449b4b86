"""Parts of people: by name, the same everywhere, nobody twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.training.split import plain_name, split_people

PEOPLE = [f"Person_{k}" for k in range(4000)]


def test_shares_are_about_what_was_asked() -> None:
    split = split_people(PEOPLE, test=0.5, validation=0.1)

    assert len(split.test) == pytest.approx(2000, abs=150)
    assert len(split.validation) == pytest.approx(200, abs=50)
    assert split.train | split.validation | split.test == set(PEOPLE)


@given(st.lists(st.text(max_size=12), max_size=30), st.floats(0.0, 0.9), st.floats(0.0, 0.9))
def test_nobody_is_in_two_parts(names: list[str], test: float, validation: float) -> None:
    split = split_people(names, test, validation)

    plain = [{plain_name(name) for name in part} for part in (split.train, split.validation, split.test)]
    assert sum(len(part) for part in plain) == len(set().union(*plain))


def test_a_person_stays_in_their_part_when_others_come_and_under_another_spelling() -> None:
    before, after = split_people(PEOPLE[:50]), split_people([*PEOPLE, "person 7"])

    assert before.train <= after.train
    assert before.test <= after.test
    assert ("Person_7" in after.test) == ("person 7" in after.test)


def test_another_seed_parts_otherwise() -> None:
    assert split_people(PEOPLE, seed=0).test != split_people(PEOPLE, seed=1).test


def test_a_share_of_everybody_is_refused() -> None:
    with pytest.raises(ValueError, match="test must be at least 0 and below 1"):
        split_people(PEOPLE, test=1.0)
