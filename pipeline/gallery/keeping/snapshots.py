"""Pictures of people below the data folder: snapshots/<person id>/, and those that sightings name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from pipeline.errors import StoreError
from pipeline.gallery.names import PERSON_ID

SNAPSHOTS_FOLDER = "snapshots"

AnyPath = TypeVar("AnyPath", bound=PurePath)

UNFINISHED = ".part"
"""how the name of a file ends until it is whole"""

FACE_ENDING = "-face.jpg"
"""of the picture of a face, beside its frame's, which sightings name"""


def snapshots_of(data: Path, person_id: str) -> Path:
    """The folder of a person's snapshots, which may not exist. Raises ValueError for what is no person's id."""
    if not PERSON_ID.fullmatch(person_id):
        raise ValueError(f"a person's id is p_ and 12 hexadecimal digits, got {person_id!r}")
    return data / SNAPSHOTS_FOLDER / person_id


def picture(data: Path, named: str) -> Path | None:
    """The file that a sighting names, which may not exist; None where that is not below the snapshots' folder."""
    path = PurePosixPath(named)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] != (SNAPSHOTS_FOLDER,) or "\0" in named:
        return None
    return data / path


def face_of(path: AnyPath) -> AnyPath:
    """Where the face's own picture is, beside that of its frame; it may not exist."""
    return path.with_name(f"{path.stem}{FACE_ENDING}")


def frame_of(path: Path) -> Path:
    """The picture of a frame that this one is, or is the face of."""
    name = path.name
    return path.with_name(name.removesuffix(FACE_ENDING) + ".jpg") if name.endswith(FACE_ENDING) else path


def with_faces(paths: Iterable[Path]) -> frozenset[Path]:
    """These pictures, and the faces that belong to them."""
    frames = frozenset(paths)
    return frames | {face_of(path) for path in frames if not path.name.endswith(FACE_ENDING)}


def files_of(data: Path, named: Iterable[str]) -> frozenset[Path]:
    """The files of pictures that sightings name, frames and faces, which may not exist."""
    return with_faces(path for each in named if (path := picture(data, each)) is not None)


def without_backgrounds(paths: Iterable[Path]) -> frozenset[Path]:
    """These pictures, but of a sighting that has both the face instead of the frame.

    A frame is mostly a place. A camera that does not move puts the same bytes of it into everybody's pictures, so
    that they are no trace of anybody.
    """
    there = frozenset(path for path in paths if path.exists())
    return frozenset(path for path in there if face_of(path) not in there)


def pictures(data: Path) -> tuple[Path, ...]:
    """All files below the snapshots' folder, in order of path. Raises StoreError."""
    return files_below(data / SNAPSHOTS_FOLDER)


def files_below(folder: Path) -> tuple[Path, ...]:
    """All whole files below a folder, in order of path; links to folders are not followed. Raises StoreError."""
    return tuple(sorted(_walk(folder)))


def _walk(folder: Path) -> Iterator[Path]:
    """The same, one at a time and in no order."""

    def refuse(error: OSError) -> None:
        raise StoreError(f"{error.filename}: {(error.strerror or 'not readable').lower()}; make it readable")

    if folder.is_dir():
        for parent, _, names in os.walk(folder, onerror=refuse):
            whole = (Path(parent, name) for name in names if not name.endswith(UNFINISHED))
            yield from (path for path in whole if path.is_file() or path.is_symlink())


def erase_snapshots(data: Path, person_id: str) -> int:
    """Delete a person's snapshots; how many files there were. Raises StoreError where one cannot be deleted."""
    folder = snapshots_of(data, person_id)
    count = len(files_below(folder))
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _undeletable(folder, error) from error
    return count


def expired_pictures(data: Path, written_before: datetime) -> tuple[Path, ...]:
    """The pictures whose file was last written before this time. Raises StoreError."""
    limit = written_before.timestamp()
    return tuple(sorted(path for path in _walk(data / SNAPSHOTS_FOLDER) if _written(path) < limit))


def delete_pictures(paths: Iterable[Path]) -> int:
    """Delete these files, with the faces that belong to them; how many were still there. Raises StoreError.

    Folders that are empty then go too: a day of a camera each, there would be thousands after some years.
    """
    going = with_faces(paths)
    count = sum(map(_delete, sorted(going)))
    for folder in {path.parent for path in going}:
        _tidy(folder)
    return count


def is_taken(data: Path, named: str | None) -> bool:
    """Whether the picture that a sighting names is there: it may be too old, too many, or have failed."""
    path = None if named is None else picture(data, named)
    return path is not None and path.is_file()


def _written(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return float("inf")  # gone meanwhile


def _delete(path: Path) -> bool:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _undeletable(path, error) from error
    return True


def _tidy(folder: Path) -> None:
    """Delete this folder and the one above, as far as they are empty and below the snapshots' folder."""
    for each in (folder, folder.parent):
        if each.name == SNAPSHOTS_FOLDER or SNAPSHOTS_FOLDER not in each.parts:
            return
        try:
            with os.scandir(each) as entries:
                if next(entries, None) is not None:
                    return  # asked first: some file systems read the whole folder before they refuse
            each.rmdir()
        except OSError:
            return  # filled or gone meanwhile, or not ours to delete: an empty folder harms nobody


def _undeletable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: {(error.strerror or 'cannot be deleted').lower()}; make it writable and run this again"
    )
