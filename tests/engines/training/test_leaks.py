"""Nobody of the test half stays in training: by the words of a name, or by a face."""

from __future__ import annotations

import numpy as np
import pytest

from engines.arrays import F32
from engines.training.leaks import Leak, LeakSide, find_leaks, leaks_by_name, under_two_names


def face(degrees: float) -> F32:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def side(*photos: tuple[str, float]) -> LeakSide:
    people = [person for person, _ in photos]
    names = [f"{person}/{number}.jpg" for number, person in enumerate(people)]
    return LeakSide(people, names, np.stack([face(degrees) for _, degrees in photos]))


@pytest.mark.parametrize(
    ("training", "test"),
    [("Nan_Wang", "Wang_Nan"), ("Choi_Sung-hong", "Sung Hong CHOI"), ("Zoe_Ball", "Zoë Ball")],
)
def test_a_name_turned_round_is_the_same(training: str, test: str) -> None:
    assert leaks_by_name([training, "Ann"], [test, "Bo", test]) == (Leak(training, test, None),)


def test_other_names_are_other_people() -> None:
    assert leaks_by_name(["Ann Lee", "Ann"], ["Ann Li", "Lee"]) == ()


def test_a_near_face_is_told_of_once_with_its_nearest_photos() -> None:
    training = side(("Ann", 0), ("Ann", 4), ("Bo", 90))
    test = side(("Cy", 7), ("Cy", 30), ("Di", 180))
    (leak,) = find_leaks(training, test, limit=0.45)
    assert (leak.person, leak.test_person) == ("Ann", "Cy")
    assert leak.distance == pytest.approx(2 - 2 * np.cos(np.radians(3)), abs=1e-4)
    assert (leak.photo, leak.test_photo) == ("Ann/1.jpg", "Cy/0.jpg")


def test_a_name_says_it_before_a_face_does() -> None:
    (leak,) = find_leaks(side(("Ann_Lee", 0)), side(("Lee_Ann", 1)), limit=0.45)
    assert leak.distance is None


def test_the_limit_is_exclusive_and_in_squared_distance() -> None:
    training, test = side(("Ann", 0)), side(("Bo", 60))  # squared distance 1
    assert find_leaks(training, test, limit=0.99) == ()
    assert len(find_leaks(training, test, limit=1.01)) == 1


def test_of_people_who_are_one_the_later_name_is_told() -> None:
    by_face = side(("Ann", 0), ("Ann", 40), ("Cy", 41), ("Bo", 90), ("Di", 180))
    assert under_two_names(by_face, limit=0.01) == {"Cy"}
    assert under_two_names(by_face, limit=1e-6) == frozenset()
    by_name = side(("Nan_Wang", 0), ("Wang_Nan", 60), ("Nan Wang", 120), ("Nan Wu", 180))
    assert under_two_names(by_name, limit=0.01) == {"Wang_Nan"}
