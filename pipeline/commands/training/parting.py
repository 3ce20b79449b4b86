"""Who is for what: people parted by name, photos that are no good left out, and nobody of the test half in training."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.import_report import cell
from pipeline.commands.training.cutting import CutSet
from pipeline.commands.training.run_file import TrainingRun
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from engines.training.faces_file import FaceRow
    from engines.training.leaks import Leak
    from engines.training.rejects import Reject
    from engines.training.split import Split
    from pipeline.arrays import F32, I64

REJECTS, LEAKS = "rejects.csv", "leaks.csv"
NAMED = 10
"""people taken out of training who are printed; the file has all"""
MOST_TESTED = 12_000
"""photos: all their pairs are compared, 72 million"""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The faces of all sets, a row each: those of the first set, then those of the next."""

    sets: tuple[CutSet, ...]
    rows: tuple[FaceRow, ...]
    people: I64
    """(N,) one number a person, whatever the folders are called in each set"""
    vectors: F32
    """(N, D) of the serving embedder"""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Rows of `Gathered`, ascending."""

    train: I64
    validation: I64
    test: I64
    rejects: tuple[Reject, ...]
    leaks: tuple[Leak, ...]


def gathered(sets: Sequence[CutSet]) -> Gathered:
    """The faces of all sets as one; people of the same plain name are one."""
    import numpy as np

    from engines.training.split import plain_name

    rows = tuple(row for each in sets for row in each.faces.rows)
    plain = np.array([plain_name(row.person) for row in rows])
    people = np.unique(plain, return_inverse=True)[1].astype(np.int64)
    vectors = [each.faces.vectors for each in sets]
    return Gathered(tuple(sets), rows, people, vectors[0] if len(vectors) == 1 else np.concatenate(vectors))


def check_people(photos: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Raise BadInputError, before anything is cut, where nobody can be learnt from: `photos` has a set's folders."""
    from engines.training.split import plain_name

    counts = Counter(plain_name(person) for _, people in photos for person in people)
    named = ", ".join(source for source, _ in photos)
    if len(counts) < 2:
        raise BadInputError(f"{named}: is of one person; training needs many, with a folder each")
    if max(counts.values()) < 2:
        raise BadInputError(
            f"{named}: has one photo of each of {len(counts)} people; triplets need two photos of a person"
        )


def part(context: Context, faces: Gathered, run: TrainingRun) -> Parts:
    """Part the people, then judge the photos of training. Raises BadInputError where too few are left."""
    import numpy as np

    split = _split(faces, run)
    test = test_rows(faces, run)
    rest = np.flatnonzero([row.person not in split.test for row in faces.rows])
    rejects = _rejects(context, faces, rest, run)
    kept = np.setdiff1d(rest, [each.row for each in rejects])
    leaks = _leaks(context, faces, kept, test, run)
    leaking = {leak.person for leak in leaks}
    # By number: another set may have the same person's other photos in a folder that is spelt another way.
    numbers = [faces.people[row] for row in kept.tolist() if faces.rows[row].person in leaking]
    kept = kept[~np.isin(faces.people[kept], numbers)]
    of_validation = np.array([faces.rows[row].person in split.validation for row in kept.tolist()], np.bool_)
    parts = Parts(
        train=kept[~of_validation],
        validation=kept[of_validation],
        test=test,
        rejects=rejects,
        leaks=leaks,
    )
    _check_parts(faces, parts)
    return parts


def test_rows(faces: Gathered, run: TrainingRun) -> I64:
    """The rows of the test half that can be read, whatever is to be seen on them; a photo that is there twice, once.

    A set given as a folder and as a tar of it would be measured by pairs of one photo with itself.
    """
    import numpy as np

    split = _split(faces, run)
    rows = np.flatnonzero([row.person in split.test and not row.problem for row in faces.rows])
    firsts = {(int(faces.people[row]), faces.vectors[row].tobytes()): row for row in rows[::-1]}
    rows = np.array(sorted(firsts.values()), np.int64)
    return _some_people(faces.people, rows, MOST_TESTED)


def write_reports(folder: Path, faces: Gathered, parts: Parts) -> None:
    """Every photo and every person left out, as files that a spreadsheet opens. Raises OutsideError."""
    names = [(str(each.source), row) for each in faces.sets for row in each.faces.rows]
    rejected = [
        (*map(cell, (source, row.name, row.person)), each.reason.value, cell(each.detail))
        for each in parts.rejects
        for source, row in [names[each.row]]
    ]
    leaking = [
        (
            *map(cell, (leak.person, leak.test_person)),
            "" if leak.distance is None else f"{leak.distance:.4f}",
            *map(cell, (leak.photo, leak.test_photo)),
        )
        for leak in parts.leaks
    ]
    _write_csv(folder / REJECTS, ("set", "photo", "person", "reason", "detail"), rejected)
    _write_csv(folder / LEAKS, ("person", "test_person", "distance", "photo", "test_photo"), leaking)


def say_parts(context: Context, faces: Gathered, parts: Parts, folder: Path) -> None:
    """On standard error: who is for what, what was left out and why, and who was moved."""
    for name, rows in (("training", parts.train), ("validation", parts.validation), ("test", parts.test)):
        people = len(set(faces.people[rows].tolist()))
        context.say(f"for {name}: {len(rows)} photos of {people} people")
    counts = Counter(each.reason for each in parts.rejects)
    if counts:
        context.say(f"left out of training: {len(parts.rejects)} photos, see {folder / REJECTS}; of them")
    for reason, count in counts.most_common():
        context.say(f"- {count}: {reason.value}")
    for leak in parts.leaks[:NAMED]:
        why = "the names say so" if leak.distance is None else f"distance {leak.distance:.2f}"
        context.say(
            f"taken out of training: {leak.person}, perhaps {leak.test_person} of the test half ({why})"
        )
    if len(parts.leaks) > NAMED:
        context.say(f"and {len(parts.leaks) - NAMED} more; see {folder / LEAKS}")
    if not parts.leaks:
        context.say("nobody of the test half is in training, by name or by face")


def _rejects(context: Context, faces: Gathered, rest: I64, run: TrainingRun) -> tuple[Reject, ...]:
    from engines.training.rejects import Limits, find_rejects

    limits = Limits(run.min_face_px, run.min_quality, run.other_person)
    rows = [faces.rows[row] for row in rest.tolist()]
    with context.progress() as bars:
        task = bars.add_task("judging photos", total=len(rows))
        found = find_rejects(
            rows,
            faces.people[rest],
            faces.vectors[rest],
            limits,
            lambda done: bars.update(task, completed=done),
        )
    return tuple(replace(each, row=int(rest[each.row])) for each in found)


def _leaks(context: Context, faces: Gathered, kept: I64, test: I64, run: TrainingRun) -> tuple[Leak, ...]:
    from engines.training.leaks import LeakSide, find_leaks

    training, testing = (
        LeakSide(
            [faces.rows[row].person for row in rows.tolist()],
            [faces.rows[row].name for row in rows.tolist()],
            faces.vectors[rows],
        )
        for rows in (kept, test)
    )
    with context.progress() as bars:
        task = bars.add_task("comparing with the test half", total=len(test))
        return find_leaks(
            training, testing, run.same_person_distance, lambda done: bars.update(task, completed=done)
        )


def _split(faces: Gathered, run: TrainingRun) -> Split:
    from engines.training.split import split_people

    return split_people({row.person for row in faces.rows}, run.test, run.validation, run.seed)


def _some_people(people: I64, rows: I64, most: int) -> I64:
    """All rows, or those of the first people in whom so many photos are reached."""
    import numpy as np

    if len(rows) <= most:
        return rows
    order = np.argsort(people[rows], kind="stable")
    last = people[rows][order[most - 1]]
    return np.asarray(rows[people[rows] < last], np.int64)


def _check_parts(faces: Gathered, parts: Parts) -> None:
    """Raise BadInputError where there is no triplet to learn from, or no pair to choose by."""
    import numpy as np

    named = ", ".join(str(each.source) for each in faces.sets)
    if not any(row.faces for row in faces.rows):
        raise BadInputError(
            f"{named}: no face was found on any of {len(faces.rows)} photos; give photos of faces"
        )
    for name, rows, hint in (
        ("training", parts.train, "give more people, or a smaller --test"),
        ("choosing the best", parts.validation, "give more people, or a larger training.validation"),
    ):
        people, counts = np.unique(faces.people[rows], return_counts=True)
        if len(people) < 2 or counts.max() < 2 or (name == "training" and np.sum(counts > 1) < 2):
            raise BadInputError(
                f"{named}: for {name} there are {len(rows)} good photos of {len(people)} people, "
                f"{int(np.sum(counts > 1))} of whom have two; at least two people are needed; {hint}"
            )


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    except OSError as error:
        raise OutsideError(
            f"{path}: cannot be written ({error.strerror}); make room, or name another folder with --data"
        ) from error
