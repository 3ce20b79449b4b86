"""Cutting the faces of sets of photos, once: kept below the data folder, and gone on with where a run was ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.report import INTERRUPTED
from pipeline.errors import OutsideError, SourceError

if TYPE_CHECKING:
    from engines.training.faces_file import CutFaces, FaceRow, FacesWriter
    from pipeline.arrays import U8
    from pipeline.assemble.recognition import Recognition
    from pipeline.capture.photo_set import PhotoEntry, PhotoSet
    from pipeline.types import Faces

FOLDER = "training/faces"
"""below the data folder; whatever lies there may be deleted"""
BATCH = 16
SPARE_BYTES = 1 << 28
"""of the disk, that a run is to leave"""


class InterruptedCutError(OutsideError):
    """The cutting, or what is computed of each crop once, was asked to end."""

    exit_code = INTERRUPTED


@dataclass(frozen=True, slots=True)
class CutSet:
    """A set's faces, and where they are kept."""

    source: Path
    fingerprint: str
    """of the photos"""
    faces: CutFaces
    folder: Path


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found on a photo, before its vector is."""

    row: FaceRow
    crop: U8
    """(S, S, 3) as the network to train takes it"""
    embedded: U8
    """(S', S', 3) as the serving embedder takes it"""


def check_stop(stop: Callable[[], bool], done: int, *, total: int, what: str) -> None:
    """Raise InterruptedCutError where a run was asked to end before all of what it keeps beside the crops is there."""
    if done < total and stop():
        raise InterruptedCutError(f"ended after {done} of {total} {what}; --resume goes on where it was")


def cut_sets(
    context: Context,
    recognition: Recognition,
    photo_sets: Sequence[PhotoSet],
    side_px: int,
    stop: Callable[[], bool],
) -> list[CutSet]:
    """The face of each photo, as crops of this side and as vectors of the serving embedder.

    What was cut before is there at once. Raises InterruptedCutError where `stop` says so, and OutsideError where the
    disk cannot hold the crops.
    """
    return [_cut_set(context, recognition, each, side_px, stop) for each in photo_sets]


def _cut_set(
    context: Context, recognition: Recognition, photo_set: PhotoSet, side_px: int, stop: Callable[[], bool]
) -> CutSet:
    from filelock import Timeout

    from engines.training.faces_file import FacesWriter, read_faces
    from engines.zoo.lock import folder_lock

    folder = context.data / FOLDER / _key(recognition, photo_set, side_px)
    photos, dimension = len(photo_set.entries), recognition.dimension
    try:
        with folder_lock(folder, stop), FacesWriter(folder, side_px, dimension) as writer:
            if writer.count < photos:
                _check_room(folder, (photos - writer.count) * (3 * side_px**2 + 4 * dimension))
                _cut_rest(context, recognition, photo_set, side_px, writer, stop)
    except Timeout as error:
        raise InterruptedCutError(
            f"ended while another process was cutting {photo_set.source.name}"
        ) from error
    except OSError as error:
        raise OutsideError(
            f"{folder}: cannot be written ({error.strerror}); make room, or name another folder with --data; "
            "the same command goes on where it was"
        ) from error
    return CutSet(photo_set.source, photo_set.fingerprint, read_faces(folder, side_px, dimension), folder)


def _key(recognition: Recognition, photo_set: PhotoSet, side_px: int) -> str:
    """Changes with the photos, with what finds and describes faces, and with the side."""
    from engines.training.faces_file import VERSION

    recipe = recognition.networks.recipe or recognition.model_id
    key = sha256(f"{VERSION} {photo_set.fingerprint} {recipe} {side_px}".encode()).hexdigest()[:16]
    return f"{side_px}px-{key}"


def _check_room(folder: Path, needed_bytes: int) -> None:
    """Before the hours of work, and not in them."""
    free = shutil.disk_usage(folder).free
    if needed_bytes + SPARE_BYTES > free:
        raise OutsideError(
            f"{folder}: {needed_bytes / 1e9:.1f} GB of crops do not fit, {free / 1e9:.1f} GB are free; make room, or "
            "name a folder on another disk with --data"
        )


def _cut_rest(
    context: Context,
    recognition: Recognition,
    photo_set: PhotoSet,
    side_px: int,
    writer: FacesWriter,
    stop: Callable[[], bool],
) -> None:
    """Cut the photos behind those that are there, some at a time."""
    import numpy as np

    done, total = writer.count, len(photo_set.entries)
    left = {entry.name for entry in photo_set.entries[done:]}
    looks = _looks(recognition, photo_set.only(lambda entry: entry.name in left), side_px)
    with context.progress() as bars:
        task = bars.add_task(f"cutting faces of {photo_set.source.name}", total=total, completed=done)
        while batch := list(islice(looks, BATCH)):
            vectors = recognition.networks.embedder.embed(np.stack([each.embedded for each in batch]))
            vectors[[bool(each.row.problem) for each in batch]] = 0.0
            writer.add([each.row for each in batch], np.stack([each.crop for each in batch]), vectors)
            bars.advance(task, len(batch))
            if stop() and writer.count < total:
                raise InterruptedCutError(
                    f"ended after {writer.count} of {total} photos of {photo_set.source.name} were cut; the same "
                    "command goes on where it was"
                )


def _looks(recognition: Recognition, photo_set: PhotoSet, side_px: int) -> Iterator[_Looked]:
    """Each photo's face, the large one near its middle; the middle itself where none is found."""
    for entry, image in photo_set.photos():
        yield _look(recognition, entry, image, side_px)


def _look(recognition: Recognition, entry: PhotoEntry, image: U8 | SourceError, side_px: int) -> _Looked:
    import numpy as np

    from engines.training.faces_file import FaceRow
    from pipeline.alignment.crop import cut
    from pipeline.commands.evaluations.faces import middle_box
    from pipeline.gallery.recogniser import central_face

    rule = recognition.networks.crop
    named = (as_text(entry.name), as_text(entry.person), as_text(entry.group))
    if isinstance(image, SourceError):
        blank, embedded = (np.zeros((side, side, 3), np.uint8) for side in (side_px, rule.size_px))
        return _Looked(FaceRow(*named, problem=str(image)), blank, embedded)
    faces = recognition.detect(image)
    boxes = middle_box(image)[None]
    row = FaceRow(*named)
    if len(faces):
        chosen = central_face(faces, image.shape[1], image.shape[0])
        face = faces.take(np.array([chosen]))
        boxes = rule.boxes(face)
        quality = recognition.networks.judge(cut(image, boxes, rule.size_px), face)
        sides = face.boxes[0, 2:] - face.boxes[0, :2]
        row = FaceRow(
            *named,
            faces=len(faces),
            rival=round(_rival(faces, chosen), 4),
            side_px=round(float(sides.min()), 2),
            quality=round(float(quality[0]), 4),
        )
    return _Looked(row, cut(image, boxes, side_px)[0], cut(image, boxes, rule.size_px)[0])


def _rival(faces: Faces, chosen: int) -> float:
    """The area of the largest other face over that of the chosen one."""
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    areas = (sides[:, 0] * sides[:, 1]).tolist()
    own = areas.pop(chosen)
    return float(max(areas, default=0.0) / max(own, 1e-6))


def as_text(name: str) -> str:
    """A file's name may hold bytes that are no text, which no JSON takes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
