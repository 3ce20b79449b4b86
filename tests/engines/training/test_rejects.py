"""Photos that are left out, and those that stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.arrays import F32
from engines.training.faces_file import FaceRow
from engines.training.rejects import Limits, Reason, Reject, find_rejects

LIMITS = Limits(min_face_px=32, min_quality=0.1, other_person=1.1)


def face(degrees: float) -> F32:
    """Two faces d degrees apart are 2 - 2 cos(d) apart: 13 degrees 0.05, 26 degrees 0.2, 63 degrees 1.1."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def row(person: str, number: int, group: str = "") -> FaceRow:
    return FaceRow(f"{group or person}/{number}.jpg", person, group or person, "", 1, 0.0, 90.0, 0.9)


def judged(*photos: tuple[FaceRow, float]) -> dict[int, Reason]:
    rows = [each for each, _ in photos]
    people = np.unique([each.person for each in rows], return_inverse=True)[1].astype(np.int64)
    found = find_rejects(rows, people, np.stack([face(degrees) for _, degrees in photos]), LIMITS)
    assert [each.row for each in found] == sorted({each.row for each in found})
    return {each.row: each.reason for each in found}


def test_good_photos_stay() -> None:
    assert judged((row("Ann", 0), 0), (row("Ann", 1), 40), (row("Bo", 0), 180)) == {}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"problem": "no image"}, Reason.UNREADABLE),
        ({"faces": 0}, Reason.NO_FACE),
        ({"side_px": 31.9}, Reason.SMALL),
        ({"quality": 0.09}, Reason.POOR),
        ({"faces": 2, "rival": 0.8}, Reason.WHICH_FACE),
    ],
)
def test_what_a_photo_shows_by_itself(changed: dict[str, object], reason: Reason) -> None:
    assert judged((replace(row("Ann", 0), **changed), 0), (row("Bo", 0), 180)) == {0: reason}  # type: ignore[arg-type]


def test_a_reject_says_how_much_is_missing() -> None:
    small = replace(row("Ann", 0), side_px=20.0)
    (found,) = find_rejects([small], np.zeros(1, np.int64), np.stack([face(0)]), LIMITS)
    assert found == Reject(0, Reason.SMALL, "20 px; at least 32 are needed")


def test_two_faces_are_fine_where_another_photo_says_who_is_meant() -> None:
    beside = replace(row("Ann", 0), faces=2, rival=0.9)
    assert judged((beside, 0), (row("Ann", 1), 40)) == {}


def test_the_same_photo_again_leaves_the_first() -> None:
    assert judged((row("Ann", 0), 0), (row("Ann", 1), 5), (row("Ann", 2), 40)) == {1: Reason.SAME_PHOTO}


def test_one_photo_under_two_names_goes_under_both() -> None:
    assert judged((row("Ann", 0), 0), (row("Bo", 0), 10), (row("Bo", 1), 60)) == {
        0: Reason.TWO_NAMES,
        1: Reason.TWO_NAMES,
    }


def test_a_stranger_in_a_folder_goes() -> None:
    assert judged((row("Ann", 0), 0), (row("Ann", 1), 180), (row("Ann", 2), 40), (row("Ann", 3), 80)) == {
        1: Reason.UNLIKE
    }


def test_of_several_faces_the_wrong_one_was_taken() -> None:
    wrong = replace(row("Ann", 1), faces=3)
    assert judged((row("Ann", 0), 0), (wrong, 180), (row("Ann", 2), 40)) == {1: Reason.WRONG_FACE}


def test_where_nobody_can_tell_which_of_two_is_the_person_both_go() -> None:
    assert judged((row("Ann", 0), 0), (row("Ann", 1), 180)) == {0: Reason.UNLIKE, 1: Reason.UNLIKE}


def test_a_long_video_of_somebody_else_does_not_outvote_the_person() -> None:
    video = [(row("Ann", number, "Ann/0"), 180.0 + 20 * number) for number in range(4)]
    found = judged((row("Ann", 0), 0), (row("Ann", 1), 40), *video)
    assert found == dict.fromkeys(range(2, 6), Reason.UNLIKE)


def test_one_person_in_two_sets_is_one() -> None:
    rows = [row("Ann_Lee", 0), row("ann lee", 0)]
    found = find_rejects(rows, np.zeros(2, np.int64), np.stack([face(0), face(40)]), LIMITS)
    assert found == ()


def test_nothing_readable_is_no_error() -> None:
    assert judged((replace(row("Ann", 0), problem="no image"), 0)) == {0: Reason.UNREADABLE}
