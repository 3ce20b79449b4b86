"""Who is for what, of faces whose vectors are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from engines.training.faces_file import FaceRow
from pipeline.arrays import F32
from pipeline.commands.training.parting import Gathered, part
from pipeline.commands.training.parting import test_rows as rows_of_the_test_half
from tests.commands.training.painted_training import DIMENSION, PEOPLE, Trainer, name_of, of_part


def at(number: int, other: int, distance: float) -> F32:
    """A unit vector so far from the axis of one number, squared L2, in the plane of another."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[number] = 1.0 - distance / 2.0
    vector[other] = np.sqrt(1.0 - vector[number] ** 2)
    return vector


def everybody(vectors: dict[str, list[F32]]) -> Gathered:
    """Two photos of each person, 0.3 apart on an axis of their own, and the photos that are named instead."""
    shown = {
        name_of(number): [at(number, DIMENSION - 1, far) for far in (0.0, 0.3)] for number in range(PEOPLE)
    }
    each = [(name, vector) for name, photos in (shown | vectors).items() for vector in photos]
    rows = tuple(
        FaceRow(f"{name}/{at_}.png", name, name, faces=1, side_px=90.0, quality=0.9)
        for at_, (name, _) in enumerate(each)
    )
    people = np.unique([name.casefold() for name, _ in each], return_inverse=True)[1].astype(np.int64)
    return Gathered((), rows, people, np.stack([vector for _, vector in each]))


def test_who_leaks_is_taken_out_of_every_set_however_the_folder_is_spelt(
    trainer: Trainer, tmp_path: Path
) -> None:
    learner, tested = of_part("train")[0], of_part("test")[0]
    name = name_of(learner)
    # One person in both folders; the second's photos are farther from those of the test half than tells.
    near = [at(tested, DIMENSION - 2, 0.2), at(tested, DIMENSION - 3, 0.4)]
    spelt = [at(tested, DIMENSION - 4, 0.6), at(tested, DIMENSION - 5, 0.6)]
    faces = everybody({name: near, name.upper(): spelt})

    run = replace(trainer.asked().run, sets=(str(tmp_path),), other_person=1.1)
    parts = part(trainer.context(), faces, run)

    assert not parts.rejects
    assert {leak.person for leak in parts.leaks} == {name}
    assert learner not in {int(faces.rows[row].person[-2:]) for row in parts.train.tolist()}
    assert len(parts.train) == 2 * (len(of_part("train")) - 1)


def test_a_photo_of_the_test_half_that_is_there_twice_is_measured_once(trainer: Trainer) -> None:
    name = name_of(of_part("test")[0])
    twice = [at(of_part("test")[0], DIMENSION - 1, far) for far in (0.0, 0.3, 0.0, 0.3)]
    run = replace(trainer.asked().run, other_person=1.1)

    assert len(rows_of_the_test_half(everybody({name: twice}), run)) == 2 * len(of_part("test"))
