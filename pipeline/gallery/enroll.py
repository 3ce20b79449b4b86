"""From photos to templates: which may stand for a person, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.gallery.agreement import agreeing, distances_between
from pipeline.gallery.comparable import Comparable, own_model
from pipeline.gallery.face_crop import crop_pixels, cut_face
from pipeline.gallery.identify import OlderFaces
from pipeline.gallery.memory.answer import Answer, People
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.names import clean_name
from pipeline.gallery.poor_photo import mean_brightness, spoiled_frame, what_spoils
from pipeline.gallery.recogniser import Describe, Detect, largest_face
from pipeline.gallery.recogniser import Described as Described
from pipeline.gallery.storage.records import NewTemplate, Person
from pipeline.gallery.storage.store import Store
from pipeline.geometry import fraction_box
from pipeline.types import Faces

LOOKED_AT = 3
"""nearest people among whom look-alikes are: the person themselves, and two more"""


@dataclass(frozen=True, slots=True)
class EnrolmentRules:
    """Which photos may stand for a person."""

    min_face_px: int
    """shorter side of the face's box in the photo"""
    min_quality: float
    same_person_distance: float
    """squared L2; a photo this far from all others of the person shows somebody else"""
    look_alike_distance: float
    """squared L2; somebody of another name nearer than this is worth a warning"""
    one_person_distance: float = 0.0
    """squared L2; nearer than this two people of the gallery hardly come, unless they are one; 0: not known"""
    largest: bool = False
    """take the largest of several faces"""
    force: bool = False
    """accept a photo that does not look like the person's others, or shows their face cut off"""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was read."""

    path: str
    """as the user gave it, for reports"""
    file_name: str
    """kept with the template"""
    sha256: str
    """of the file's bytes, 64 hexadecimal digits"""
    image: U8 = field(repr=False)
    """(H, W, 3) RGB, upright"""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Somebody else of the gallery whom an accepted photo is near to."""

    id: str
    name: str
    distance: float
    """squared L2"""
    one_person: bool
    """nearer than two people hardly come: the same under two names, or a twin"""


@dataclass(frozen=True, slots=True)
class PhotoVerdict:
    """Whether a photo was accepted, and why not."""

    path: str
    reason: str | None = None
    """why it was refused; None where it was accepted"""
    faces: int = 0
    """found in the photo"""
    box: tuple[float, float, float, float] | None = None
    """of the face judged: x0 y0 x1 y1 as fractions of the photo"""
    quality: float | None = None
    """of the face judged, in [0, 1]"""
    quality_parts: Mapping[str, float] | None = None
    """what its quality is the product of, the worst first; None where no part is known"""
    template: NewTemplate | None = field(default=None, repr=False)
    """made of the face, where there was one good enough"""
    look_alikes: tuple[LookAlike, ...] = ()
    """others of the gallery near to an accepted photo, nearest first"""
    redundant: bool = False
    """accepted, but the person has as many templates as are kept, and this one says the least"""

    @property
    def accepted(self) -> bool:
        """Whether the photo stands for the person from now on."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of the photos given for one person."""

    person: Person | None
    """None where no photo was accepted: nobody was added"""
    verdicts: tuple[PhotoVerdict, ...]
    """one a photo, in the order given"""
    kept: int = 0
    """templates that the person has now, of this model and of those it is compared with"""
    redundant: int = 0
    """dropped for being too many, old ones and new"""


def judge_photo(
    photo: Photo, detect: Detect, describe: Describe, model_id: str, rules: EnrolmentRules
) -> PhotoVerdict:
    """Look at one photo by itself: is there one face, large and good enough?

    Faces below `min_face_px` do not count as further ones: somebody far behind makes no photo ambiguous.
    """
    faces = detect(photo.image)
    if not len(faces):
        return PhotoVerdict(photo.path, "no face found")
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    largest = largest_face(faces)
    verdict = _look_at(photo, faces, largest)
    enough = sides.min(axis=1) >= rules.min_face_px
    if not enough[largest]:
        found = int(sides[largest].min())
        return replace(
            verdict, reason=f"the face is only {found} px across; at least {rules.min_face_px} are needed"
        )
    if enough.sum() > 1 and not rules.largest:
        return replace(verdict, reason=f"{enough.sum()} faces; crop the photo, or give --largest")
    chosen = faces.take(np.array([largest]))
    reason = None if rules.force else spoiled_frame(photo.image, faces, largest)
    if reason is not None:
        return replace(verdict, reason=reason)
    described = describe(photo.image, chosen)
    quality = float(described.quality[0])
    parts = None if described.parts is None else described.parts.of(0)
    verdict = replace(verdict, quality=quality, quality_parts=parts)
    if not quality >= rules.min_quality:
        brightness = mean_brightness(photo.image, chosen.boxes[0])
        needed = f"quality {quality:.2f}; at least {rules.min_quality:.2f} is needed"
        return replace(verdict, reason=": ".join(filter(None, (what_spoils(parts, brightness), needed))))
    crop = cut_face(photo.image, chosen.boxes[0], chosen.landmarks[0])
    template = NewTemplate(model_id, described.vectors[0], quality, photo.file_name, photo.sha256, crop)
    return replace(verdict, template=template)


def compare_photos(
    name: str, verdicts: Sequence[PhotoVerdict], known: F32, max_distance: float
) -> tuple[PhotoVerdict, ...]:
    """Refuse the accepted photos that show somebody else than the others and the known templates (K, D)."""
    rows = [row for row, verdict in enumerate(verdicts) if verdict.template is not None and verdict.accepted]
    if not rows:
        return tuple(verdicts)
    vectors = _vectors(verdicts, rows)
    agree = agreeing(known, vectors, max_distance)
    ours = np.concatenate((known.reshape(-1, vectors.shape[1]), vectors[agree]))
    judged = list(verdicts)
    for row, vector, agrees in zip(rows, vectors, agree.tolist(), strict=True):
        if not agrees:
            nearest = float(distances_between(vector[None], ours).min())
            judged[row] = replace(
                judged[row],
                reason=f"does not look like the other photos of {name} (distance {nearest:.2f}, "
                f"{max_distance:.2f} is too far); give --force if it is them",
            )
    return tuple(judged)


def warn_of_look_alikes(
    person_id: str | None,
    verdicts: Sequence[PhotoVerdict],
    replica: Replica,
    rules: EnrolmentRules,
    older: OlderFaces | None = None,
) -> tuple[PhotoVerdict, ...]:
    """Add to each accepted photo who else of the gallery is nearer to it than `rules.look_alike_distance`.

    `older`: who finds those who are left behind, by the kept crops; None: nobody is.
    """
    rows = [row for row, verdict in enumerate(verdicts) if verdict.template is not None and verdict.accepted]
    if not rows:
        return tuple(verdicts)
    judged = list(verdicts)
    answer = replica.answer(_vectors(verdicts, rows), LOOKED_AT)
    found = answer.people if older is None else _with_left_behind(answer, verdicts, rows, older)
    for row, people in zip(rows, found, strict=True):
        others = tuple(
            LookAlike(one.person_id, one.name, one.distance, one.distance < rules.one_person_distance)
            for one in people
            if one.person_id != person_id and one.distance < rules.look_alike_distance
        )
        judged[row] = replace(judged[row], look_alikes=others)
    return tuple(judged)


def enroll_photos(
    store: Store,
    replica: Replica,
    name_or_id: str,
    photos: Iterable[Photo | PhotoVerdict],
    detect: Detect,
    describe: Describe,
    comparable: Comparable,
    rules: EnrolmentRules,
    older: OlderFaces | None = None,
) -> Enrolment:
    """Judge the photos and add the accepted ones to the person of this name, all or none.

    Args:
        replica: the gallery as it is now, for look-alikes.
        photos: read photos, or the verdict on one that could not be read.
        older: who finds those who are left behind, for look-alikes too; None: nobody is.
        comparable: the model of new templates, and those whose templates they are compared with.

    Raises GalleryError for a name that cannot be used, StoreError.
    """
    person = store.known(name_or_id)
    name = person.name if person is not None else clean_name(name_or_id)
    verdicts: list[PhotoVerdict] = []
    seen: dict[str, str] = {}
    for photo in photos:
        if isinstance(photo, PhotoVerdict):
            verdicts.append(photo)
            continue
        again = _seen_before(photo, store, comparable, seen)
        seen.setdefault(photo.sha256, photo.path)
        verdicts.append(again or judge_photo(photo, detect, describe, own_model(comparable), rules))
    known = [] if person is None else [one.vector for one in store.templates_of(person.id, comparable)]
    judged: tuple[PhotoVerdict, ...] = tuple(verdicts)
    if not rules.force:
        vectors = np.stack(known) if known else np.zeros((0, 0), np.float32)
        judged = compare_photos(name, judged, vectors, rules.same_person_distance)
    judged = warn_of_look_alikes(person.id if person is not None else None, judged, replica, rules, older)
    return _add(store, person.id if person is not None else name, judged, comparable)


def _add(
    store: Store, name_or_id: str, verdicts: tuple[PhotoVerdict, ...], comparable: Comparable
) -> Enrolment:
    """Make templates of the accepted photos, and say which of them were too many."""
    accepted = [one.template for one in verdicts if one.template is not None and one.accepted]
    if not accepted:
        return Enrolment(None, verdicts)
    enrolled = store.enroll(name_or_id, accepted)
    labels = iter(enrolled.labels)
    said = tuple(
        replace(one, redundant=next(labels) in enrolled.redundant)
        if one.template is not None and one.accepted
        else one
        for one in verdicts
    )
    kept = len(store.templates_of(enrolled.person.id, comparable))
    return Enrolment(enrolled.person, said, kept, len(enrolled.redundant))


def _look_at(photo: Photo, faces: Faces, row: int) -> PhotoVerdict:
    height, width = photo.image.shape[:2]
    return PhotoVerdict(photo.path, faces=len(faces), box=fraction_box(faces.boxes[row], width, height))


def _seen_before(
    photo: Photo, store: Store, comparable: Comparable, seen: dict[str, str]
) -> PhotoVerdict | None:
    """The refusal of a photo that was given before, in this call or an earlier one, for anybody."""
    if photo.sha256 in seen:
        return PhotoVerdict(photo.path, f"the same image as {seen[photo.sha256]}")
    owners = store.owners(photo.sha256, comparable)
    if owners:
        return PhotoVerdict(
            photo.path, f"the same image is already enrolled for {' and '.join(one.name for one in owners)}"
        )
    return None


def _with_left_behind(
    answer: Answer, verdicts: Sequence[PhotoVerdict], rows: Sequence[int], older: OlderFaces
) -> People:
    """The people of the answer, a row a photo of these, and those whom an older model alone knows."""
    found = []
    for row, people in zip(rows, answer.people, strict=True):
        template = verdicts[row].template
        crop = None if template is None else template.crop
        if crop is None:
            found.append(people)
            continue
        face = Faces(crop.box[None], crop.landmarks[None], np.ones(1, np.float32))
        alone = replace(answer, people=(people,))
        found += older.join(alone, crop_pixels(crop), face, LOOKED_AT).people
    return tuple(found)


def _vectors(verdicts: Sequence[PhotoVerdict], rows: Sequence[int]) -> F32:
    templates = [verdicts[row].template for row in rows]
    return np.stack([one.vector for one in templates if one is not None])
