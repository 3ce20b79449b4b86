"""Who is enrolled and who searches: everybody does one or the other, nobody both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from engines.errors import EvaluationError
from engines.evaluation.gallery_split import draw_templates, split_gallery
from engines.evaluation.identification import NOBODY
from tests.engines.evaluation.face_sets import made_set

PHOTOS = [f"p{person}/{photo}.jpg" for person in range(10) for photo in range(1 + person % 4)]


def test_every_photo_is_a_template_or_searches() -> None:
    faces = made_set(PHOTOS)
    split = split_gallery(faces, 4, 1, seed=3)
    assert sorted([*split.templates.tolist(), *split.probes.tolist()]) == list(range(len(PHOTOS)))
    enrolled = {faces.people[row] for row in split.templates}
    assert len(split.templates) == len(enrolled) == 4
    for row, mate in zip(split.probes.tolist(), split.mates.tolist(), strict=True):
        person = int(faces.person_numbers[row])
        assert mate == (person if faces.people[row] in enrolled else NOBODY)
    assert split.mated == sum(faces.people[row] in enrolled for row in split.probes)
    assert split.same_video == 0


def test_the_seed_decides() -> None:
    faces = made_set(PHOTOS)
    first, again, other = (split_gallery(faces, 4, 1, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.templates, again.templates)
    assert not np.array_equal(first.templates, other.templates)


def test_several_templates_a_person_as_far_as_there_are_photos() -> None:
    faces = made_set(PHOTOS)
    split = split_gallery(faces, 9, 2, seed=0)
    photos = Counter(faces.people)
    found = Counter(faces.people[row] for row in split.templates)
    assert len(found) == 9
    assert all(found[person] == min(2, photos[person]) for person in found)


def test_a_photo_without_a_face_is_no_template_but_searches() -> None:
    faces = made_set(["a/1", "a/2", "b/1", "c/1"], found=[False, True, True, False])
    for seed in range(32):
        split = split_gallery(faces, 1, 1, seed)
        assert faces.found[split.templates].all()
        assert 3 in split.probes  # c has no face, and cannot be enrolled
        assert len(split.probes) == 3


def test_frames_of_a_templates_video_are_left_out() -> None:
    faces = made_set([f"{person}/{video}/{frame}" for person in "abc" for video in "xy" for frame in "123"])
    split = split_gallery(faces, 2, 2, seed=0)
    videos = {faces.groups[row] for row in split.templates}
    assert len(split.templates) == 4
    assert len(videos) == 2  # both templates of a person are from one video
    assert not videos & {faces.groups[row] for row in split.probes}
    assert split.same_video == 2
    assert split.mated == 6
    assert len(split.probes) == 12


@pytest.mark.parametrize("people", [3, 4])
def test_too_large_a_gallery_is_refused(people: int) -> None:
    faces = made_set(["a/1", "b/1", "c/1", "d/1"], found=[True, True, True, False])
    with pytest.raises(EvaluationError, match=f"a gallery of {people} needs more than {people} people"):
        split_gallery(faces, people, 1, seed=0)


def test_distractors_are_drawn_a_person() -> None:
    faces = made_set(PHOTOS, found=[name != "p0/0.jpg" for name in PHOTOS])
    rows = draw_templates(faces, 1, seed=0)
    assert [faces.people[row] for row in rows] == [f"p{person}" for person in range(1, 10)]
