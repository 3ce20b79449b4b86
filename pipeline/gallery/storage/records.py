"""What the gallery keeps, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

import numpy as np

from pipeline.arrays import F32, check_array
from pipeline.gallery.vectors import check_unit


def check_zone(name: str, at: datetime | None) -> None:
    """Raise ValueError for a time that does not say its zone: it would be kept hours off."""
    if at is not None and at.tzinfo is None:
        raise ValueError(f"{name} must say its zone, got {at.isoformat()}")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the gallery knows."""

    id: str
    """p_ and 12 random hexadecimal digits; never given twice"""
    name: str
    """NFC, unique in the gallery"""
    created_at: datetime
    """UTC"""
    consent: str | None = None
    """a note on what the person agreed to"""
    retain_until: datetime | None = None
    """UTC; not to be kept longer"""


@dataclass(frozen=True, slots=True)
class PersonCount:
    """A person and how much is kept of them."""

    person: Person
    templates: int
    """of all models"""


@dataclass(frozen=True, slots=True)
class Crop:
    """The face a template was made of, with its surroundings, so that another model can describe it anew."""

    png: bytes
    """RGB, 8 bits"""
    box: F32
    """(4,) x0 y0 x1 y1 pixels of the crop"""
    landmarks: F32
    """(5, 2) x y pixels of the crop"""

    def __post_init__(self) -> None:
        check_array("box", self.box, np.float32, (4,))
        check_array("landmarks", self.landmarks, np.float32, (5, 2))


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template on its way into the gallery."""

    model_id: str
    vector: F32
    """(D,) unit length"""
    quality: float
    """in [0, 1]"""
    source: str
    """name of the image file, without folders"""
    image_sha256: str
    """of the file's bytes, 64 hexadecimal digits"""
    crop: Crop | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_array("vector", self.vector, np.float32, ("D",))
        check_unit("vector", self.vector[None], len(self.vector))


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Templates on their way into the gallery, and whose they are."""

    name_or_id: str
    """somebody there, or the name of somebody new"""
    templates: tuple[NewTemplate, ...]
    """at least one"""
    consent: str | None = None
    """a note for somebody new; one who is there keeps theirs"""
    retain_until: datetime | None = None
    """UTC, for somebody new; one who is there keeps theirs"""

    def __post_init__(self) -> None:
        if not self.templates:
            raise ValueError("a new person needs at least one template")
        check_zone("retain_until", self.retain_until)


@dataclass(frozen=True, slots=True)
class Template:
    """A template of the gallery."""

    label: int
    """counts templates from 1; never given twice"""
    person_id: str
    model_id: str
    vector: F32
    """(D,) unit length"""
    quality: float
    source: str
    image_sha256: str
    created_at: datetime
    """UTC"""


class Unchanged(Enum):
    """What an argument is where a value stays as it is, and None would take it away."""

    UNCHANGED = "unchanged"


class ChangeKind(StrEnum):
    """What happened to the gallery."""

    TEMPLATE_ADDED = "template_added"
    TEMPLATE_MOVED = "template_moved"
    """to `person_id`, into whom somebody was merged"""
    TEMPLATE_REMOVED = "template_removed"
    PERSON_RENAMED = "person_renamed"
    PERSON_FORGOTTEN = "person_forgotten"
    PERSON_MERGED = "person_merged"
    """into another, who has the templates now; this one is gone"""
    WATCHLISTS_CHANGED = "watchlists_changed"
    """`person_id` joined or left one; an empty one where a list was made, renamed or deleted"""
    MODEL_SERVED = "model_served"
    """the gallery was switched to another embedder; `person_id` is empty"""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the gallery's history. It holds no biometric data, and stays when a person is forgotten."""

    seq: int
    """counts changes from 1 without a gap; the gallery's version is the last"""
    kind: ChangeKind
    person_id: str
    label: int | None
    """the template, where it is about one"""


@dataclass(frozen=True, slots=True)
class Serving:
    """An embedder that the gallery was switched to; the last one serves."""

    number: int
    """counts switches from 1"""
    model: str
    """its entry in models.yaml"""
    model_id: str
    """of its templates"""
    since: datetime
    """UTC"""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person after templates of theirs were added."""

    person: Person
    labels: tuple[int, ...]
    """of the new templates, in the order given"""
    version: int
    redundant: tuple[int, ...] = ()
    """labels of templates, new or old, that said the least and were dropped, as the person had too many"""


@dataclass(frozen=True, slots=True)
class Merged:
    """What two records of one person became."""

    person: Person
    """whose everything is now; kept until the earlier of both dates, both notes on consent kept"""
    gone: Person
    """as they were; nobody has this id any more"""
    moved: int
    """templates that changed hands"""
    dropped: tuple[int, ...]
    """labels of templates of images that the other had already"""
    watchlists: tuple[str, ...]
    """names of those joined through this, in order"""
    sightings: int
    """past ones that are the other's now; each gets a correction"""
    strangers: int
    """named as the one who is gone, and as the other now"""
    snapshots: int
    """files below the data folder that were moved"""
    version: int
    redundant: tuple[int, ...] = ()
    """labels of templates that said the least and were dropped, as both together had too many"""
