"""The faces of a data set through the networks that cameras use, kept so that a second run takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.errors import BadInputError, OutsideError, SourceError

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.lfw_pairs import Pairs
    from pipeline.arrays import F32, U8
    from pipeline.assemble.recognition import Recognition
    from pipeline.capture.photo_set import PhotoEntry, PhotoSet
    from pipeline.types import Faces

FOLDER = "evaluation"
"""below the data folder; whatever lies there may be deleted"""
BATCH = 16
NAMED = 3
"""unreadable photos that a message names"""
VERSION = 1
"""raised when the file's layout changes, or the code that finds, chooses or cuts faces"""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """The face that a photo is of."""

    entry: PhotoEntry
    face: Faces
    """one row, or none where no face was detected"""
    crop: U8
    """(S, S, 3); of the photo's middle where no face was detected"""


def describe_set(
    context: Context, recognition: Recognition, photo_set: PhotoSet, *, flipped: bool = False
) -> FaceSet:
    """One face a photo, described; read from the data folder where these photos were described before.

    The key is the photos' names and bytes and everything that decides a vector or its quality, so that another
    model, crop or precision is described anew. A photo that cannot be read is told of and left out. Raises
    BadInputError where none can be read, OutsideError where the data folder cannot be written.
    """
    recipe = recognition.networks.recipe
    if not recipe:
        return _describe(context, recognition, photo_set, flipped)
    folder = context.data / FOLDER
    kept = _kept(folder, recipe, photo_set, flipped)
    if kept is None:
        _make(folder)
        kept = _describe(context, recognition, photo_set, flipped)
        _keep(context, folder / _file_name(recipe, photo_set, flipped), kept)
    elif missing := len(photo_set.entries) - len(kept):
        context.say(
            f"{photo_set.source}: {missing} of {len(photo_set.entries)} photos cannot be read and are left out"
        )
    return kept


def describe_sets(context: Context, *photo_sets: PhotoSet) -> list[FaceSet]:
    """`describe_set` of each, by the networks that are configured. Raises EngineError, and as that does."""
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.output import model_progress

    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        return [describe_set(context, recognition, photo_set) for photo_set in photo_sets]


def photos_of(pairs: Pairs, photo_set: PhotoSet) -> PhotoSet:
    """The photos that pairs name. Raises EvaluationError where some are missing."""
    from engines.evaluation.lfw_pairs import photo_key

    pairs.rows_in([entry.name for entry in photo_set.entries], str(photo_set.source))
    named = pairs.photos
    return photo_set.only(lambda entry: photo_key(entry.name) in named)


def seen_faces(context: Context, recognition: Recognition, photo_set: PhotoSet) -> Iterator[SeenFace]:
    """The face of each photo that can be read, with a progress bar; the others are told of at the end."""
    import numpy as np

    from pipeline.alignment.crop import cut
    from pipeline.gallery.recogniser import central_face

    unreadable: list[str] = []
    with context.progress() as bars:
        task = bars.add_task(f"looking at {photo_set.source.name}", total=len(photo_set.entries))
        for entry, image in photo_set.photos():
            bars.advance(task)
            if isinstance(image, SourceError):
                unreadable.append(str(image))
                continue
            faces = recognition.detect(image)
            if len(faces):
                row = central_face(faces, image.shape[1], image.shape[0])
                faces = faces.take(np.array([row]))
                crop = recognition.networks.crop.crops(image, faces)[0]
            else:
                crop = cut(image, middle_box(image)[None], recognition.networks.crop.size_px)[0]
            yield SeenFace(entry, faces, crop)
    for problem in unreadable[:NAMED]:
        context.say(problem)
    if len(unreadable) > NAMED:
        context.say(f"and {len(unreadable) - NAMED} more photos that cannot be read")


def _describe(context: Context, recognition: Recognition, photo_set: PhotoSet, flipped: bool) -> FaceSet:
    from engines.evaluation.face_set import joined

    faces = seen_faces(context, recognition, photo_set)
    parts = []
    while batch := list(islice(faces, BATCH)):
        parts.append(describe_faces(recognition, batch, flipped=flipped))
    if not parts:
        raise BadInputError(f"{photo_set.source}: none of its photos can be read; fetch it again")
    return joined(parts)


def describe_faces(recognition: Recognition, faces: Sequence[SeenFace], *, flipped: bool = False) -> FaceSet:
    """These faces, at least one, described in one batch."""
    import numpy as np

    from engines.evaluation.face_set import FaceSet
    from pipeline.alignment.quality import Quality, assess

    crops = np.stack([each.crop for each in faces])
    embed = recognition.networks.embedder.embed
    part_names = tuple(field.name for field in fields(Quality))
    parts = np.zeros((len(faces), len(part_names)), np.float32)
    quality = np.zeros(len(faces), np.float32)
    boxes = np.zeros((len(faces), 4), np.float32)
    for row, each in enumerate(faces):
        if len(each.face):
            judged = assess(each.crop[None], each.face)
            quality[row], boxes[row] = judged.overall[0], each.face.boxes[0]
            parts[row] = [getattr(judged, name)[0] for name in part_names]
    return FaceSet(
        names=tuple(each.entry.name for each in faces),
        people=tuple(each.entry.person for each in faces),
        groups=tuple(each.entry.group for each in faces),
        found=np.array([len(each.face) > 0 for each in faces], np.bool_),
        vectors=embed(crops),
        flipped=embed(np.ascontiguousarray(crops[:, :, ::-1])) if flipped else embed(crops[:0]),
        quality=quality,
        parts=parts,
        part_names=part_names,
        boxes=boxes,
    )


def middle_box(image: U8) -> F32:
    """Where data sets have the face of a photo (H, W, 3), as a box (4,) in pixels."""
    import numpy as np

    height, width = image.shape[:2]
    return np.array([0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height], np.float32)


def _kept(folder: Path, recipe: str, photo_set: PhotoSet, flipped: bool) -> FaceSet | None:
    """What an earlier run kept; with mirrored crops it serves as well where those are not asked for."""
    from engines.evaluation.face_set import read_face_set

    found = read_face_set(folder / _file_name(recipe, photo_set, flipped))
    if found is None and not flipped:
        found = read_face_set(folder / _file_name(recipe, photo_set, True))
        found = None if found is None else replace(found, flipped=found.flipped[:0])
    return found


def _file_name(recipe: str, photo_set: PhotoSet, flipped: bool) -> str:
    key = sha256(f"{VERSION} {photo_set.fingerprint} {recipe} {flipped}".encode()).hexdigest()[:24]
    return f"{key}.npz"


def _make(folder: Path) -> None:
    """Make the folder before the minutes of work that it is to keep. Raises OutsideError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutsideError(
            f"{folder}: cannot be made ({error.strerror}); name another folder with --data"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutsideError(f"{folder}: may not be written; name another folder with --data")


def _keep(context: Context, path: Path, found: FaceSet) -> None:
    """Keep it for the next run; where that fails, this run has it all the same."""
    try:
        found.write(path)
    except OSError as error:
        context.say(
            f"{path}: cannot be written ({error.strerror}), so the next run describes the photos again; make room"
        )
