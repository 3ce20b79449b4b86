"""A folder with a folder a person in it, of thousands of people: only names are held, nothing is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.capture.photo import Skipped
from pipeline.errors import SourceError


@dataclass(frozen=True, slots=True)
class PeopleFolder:
    """What lies in such a folder."""

    people: tuple[Path, ...]
    """a folder a person, called as they are, sorted"""
    skipped: tuple[Skipped, ...]
    """what else lies beside them, sorted; hidden files and folders are passed over in silence"""


def open_people_folder(root: Path) -> PeopleFolder:
    """The people of a folder. A linked folder counts, unless it leads back to what holds it.

    Raises:
        SourceError: the folder may not be read, has no folder in it, or has a single one in which the people are.
    """
    people: list[Path] = []
    skipped: list[Skipped] = []
    here = Path(os.path.realpath(root))
    around = {here, *here.parents}
    for entry in _entries(root):
        if not os.path.isdir(entry):
            skipped.append(Skipped(entry, "lies beside the folders of people; move it into one"))
        elif os.path.islink(entry) and Path(os.path.realpath(entry)) in around:
            skipped.append(Skipped(entry, "is a link to a folder that it lies in"))
        else:
            people.append(entry)
    if not people:
        raise SourceError(f"{root}: has no folder in it; give a folder with a folder a person")
    if len(people) == 1 and _holds_people(people[0]):
        raise SourceError(f"{root}: holds one folder of folders; give that one: {people[0]}")
    return PeopleFolder(tuple(people), tuple(skipped))


def files_below(folder: Path) -> Iterator[Path | Skipped]:
    """The files of a person, those of a folder sorted and before those of the folders in it.

    Hidden ones are passed over; so is what is no file (a pipe would be waited for), with the reason. Linked files
    are read, linked folders within not entered: they may lead in a circle.
    """
    left = [folder]
    while left:
        here = left.pop()
        try:
            entries = _entries(here)
        except SourceError as error:
            yield Skipped(here, str(error).removeprefix(f"{here}: "))
            continue
        inner: list[Path] = []
        for entry in entries:
            if os.path.isfile(entry):
                yield entry
            elif os.path.islink(entry):
                entered = os.path.isdir(entry)
                reason = "is a linked folder, which is not entered" if entered else "is a link to no file"
                yield Skipped(entry, reason)
            elif os.path.isdir(entry):
                inner.append(entry)
            else:
                yield Skipped(entry, "is no file")
        left += reversed(inner)


def _holds_people(folder: Path) -> bool:
    """Whether there are several folders in it, and nothing else: people, and not one person's photos."""
    try:
        below = _entries(folder)
    except SourceError:
        return False
    return len(below) > 1 and all(map(os.path.isdir, below))


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, sorted. Raises SourceError."""
    try:
        return sorted(Path(folder, name) for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise SourceError(f"{folder}: may not be read ({error.strerror}); change its permissions") from error
