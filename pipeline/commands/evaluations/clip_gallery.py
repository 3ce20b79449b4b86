"""Galleries for clips: the people of a truth file, enrolled as `enroll` would, and others beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.evaluations.clip_truth import Box, Known, Truth
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from pipeline.arrays import F32, U8
    from pipeline.gallery.enroll import EnrolmentRules, Photo, PhotoVerdict
    from pipeline.gallery.memory.replica import Replica
    from pipeline.gallery.recogniser import Recogniser

FRAMES = 3
"""frames that somebody is enrolled from out of the seconds of a clip, evenly spread"""


@dataclass(frozen=True, slots=True)
class EnrolledPerson:
    """Somebody with their templates."""

    name: str
    vectors: F32
    """(K, D) unit length, at least one"""


def enroll_truth(
    context: Context, recogniser: Recogniser, truth: Truth, videos: Path, photos: Path
) -> tuple[EnrolledPerson, ...]:
    """Everybody that the truth has something of, by the rules of `enroll`.

    Raises BadInputError for a person of whom nothing is good enough, SourceError for a clip that cannot be read.
    """
    from pipeline.commands.enroll import EnrollRequest, read_photos, rules_of

    rules = rules_of(context, EnrollRequest("", ()))
    people = []
    for who, known in truth.people.items():
        if not known.is_known:
            continue
        shots = (
            frames_of(videos, known) if known.clip else read_photos([photos / name for name in known.photos])
        )
        people.append(EnrolledPerson(who, _vectors(who, shots, recogniser, rules)))
    return tuple(people)


def _vectors(
    who: str, shots: Iterator[Photo | PhotoVerdict], recogniser: Recogniser, rules: EnrolmentRules
) -> F32:
    """The templates (K, D) of the shots that are good enough."""
    import numpy as np

    from pipeline.gallery.enroll import PhotoVerdict, compare_photos, judge_photo

    verdicts = [
        shot
        if isinstance(shot, PhotoVerdict)
        else judge_photo(shot, recogniser.detect, recogniser.describe, recogniser.model_id, rules)
        for shot in shots
    ]
    nobody = np.zeros((0, recogniser.dimension), np.float32)
    judged = compare_photos(who, verdicts, nobody, rules.same_person_distance)
    accepted = [one.template.vector for one in judged if one.accepted and one.template is not None]
    if not accepted:
        reasons = "; ".join(f"{one.path}: {one.reason}" for one in judged) or "no frame in these seconds"
        raise BadInputError(f"{who} cannot be enrolled: {reasons}; name better ones in the truth file")
    return np.stack(accepted)


def frames_of(videos: Path, known: Known) -> Iterator[Photo]:
    """FRAMES of the seconds that somebody is enrolled from, cut to their box. Raises SourceError."""
    from pipeline.capture.file import FileSource
    from pipeline.gallery.enroll import Photo

    assert known.clip is not None
    assert known.to_s is not None
    source = FileSource(videos / known.clip, "enrolment", start_s=known.from_s, end_s=known.to_s)
    source.open()
    step_s = (known.to_s - known.from_s) / FRAMES
    due_s = known.from_s
    try:
        for frame in source.frames():
            if frame.info.pts_s >= due_s:
                place = f"{known.clip} at {frame.info.pts_s:.2f} s"
                yield Photo(place, known.clip, "0" * 64, cut(frame.pixels.to_host(), known.box))
                due_s += step_s
    finally:
        source.close()


def cut(image: U8, box: Box) -> U8:
    """The part of an image (H, W, 3) in this box."""
    height, width = image.shape[:2]
    rows = slice(int(box.y0 * height), max(int(box.y1 * height), int(box.y0 * height) + 1))
    columns = slice(int(box.x0 * width), max(int(box.x1 * width), int(box.x0 * width) + 1))
    return image[rows, columns]


def distractors_of(
    faces: FaceSet, count: int, min_quality: float, seed: int, but: Sequence[str] = ()
) -> tuple[EnrolledPerson, ...]:
    """`count` people of a set, drawn by `seed`, each enrolled from their first photo that is good enough.

    A larger count has everybody of a smaller one. People called as somebody of `but` are left out. Raises
    BadInputError where the set has fewer.
    """
    import numpy as np

    first: dict[str, int] = {}
    for row in np.flatnonzero(faces.found & (faces.quality >= min_quality)).tolist():
        first.setdefault(faces.people[row], row)
    names = sorted(name for name in first if name.replace("_", " ") not in but)
    if count > len(names):
        raise BadInputError(f"--distractor-count {count}: the set has only {len(names)} people to enroll")
    drawn = np.random.default_rng(seed).permutation(len(names))[:count]
    return tuple(
        EnrolledPerson(names[n], np.asarray(faces.vectors[first[names[n]]][None], np.float32))
        for n in drawn.tolist()
    )


def gallery_of(people: Sequence[EnrolledPerson], index: str, dimension: int) -> Replica:
    """A gallery in memory of these people. Raises GalleryError for an unknown index."""
    import numpy as np

    from pipeline.gallery.indexes.choose import choose_index
    from pipeline.gallery.memory.contents import Contents
    from pipeline.gallery.memory.replica import Replica
    from pipeline.gallery.storage.records import Person

    began = datetime(1970, 1, 1, tzinfo=UTC)
    ids = [f"p_{number:012x}" for number in range(1, len(people) + 1)]
    owners = [one for one, person in zip(ids, people, strict=True) for _ in person.vectors]
    vectors = [person.vectors for person in people] or [np.zeros((0, dimension), np.float32)]
    contents = Contents(
        version=len(owners),
        people=tuple(Person(one, each.name, began) for one, each in zip(ids, people, strict=True)),
        labels=np.arange(1, len(owners) + 1, dtype=np.int64),
        person_ids=tuple(owners),
        vectors=np.concatenate(vectors),
        others=0,
    )
    return Replica.of(contents, choose_index(index, dimension))
