"""What a portable file of people is made of: a zip archive of JSON, numpy arrays and PNG pictures.

docs/portable.md is the description for programs of others. Nothing in it is compressed, since pictures and vectors
hardly shrink, and so that no member is larger than the file that it comes in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from pipeline.gallery.names import PERSON_ID, is_text

FORMAT: Literal["facestream-people"] = "facestream-people"
VERSION: Literal[1] = 1

MANIFEST = "manifest.json"
PEOPLE = "people.jsonl"
TEMPLATES = "templates.jsonl"
WATCHLISTS = "watchlists.jsonl"

MAX_MANIFEST_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 16
"""of a person, template or list: ten times what the longest names and notes take"""
MAX_CROP_BYTES = 1 << 24
"""of a face's picture; ours have 100 to 250 kB"""
MAX_CROP_PX = 4096
"""either side of it; ours have at most 450"""


def vectors_file(number: int) -> str:
    """Where the vectors of the manifest's models are.

    >>> vectors_file(0)
    'vectors/0.npy'
    """
    return f"vectors/{number}.npy"


def crop_file(sha256: str) -> str:
    """Where the picture with this hash is."""
    return f"crops/{sha256}.png"


def _text(value: str) -> str:
    if not is_text(value):
        raise ValueError("holds what is no text")
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str | datetime):
        raise ValueError("must be a time as text")
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if at.tzinfo is None:
        raise ValueError("must say its zone")
    return at.astimezone(UTC)


def _time_text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


Text = Annotated[str, AfterValidator(_text)]
Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_text)]
PersonId = Annotated[str, Field(pattern=f"^{PERSON_ID.pattern}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Time = Annotated[datetime, BeforeValidator(_time), PlainSerializer(_time_text, when_used="json")]


class Line(BaseModel):
    """Frozen, without unknown keys, without silent conversions."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class ModelEntry(Line):
    """Whose vectors one of the arrays holds."""

    model_id: Word
    file: str
    dimension: Positive
    templates: Positive


class FileEntry(Line):
    """A member of the archive, but the manifest and the crops, which are called by their hashes."""

    bytes: Count
    sha256: Sha256


class Counts(Line):
    """How much there is."""

    people: Count
    templates: Count
    crops: Count
    watchlists: Count


class Source(Line):
    """Of which gallery this was, at which version."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    version: Count


class Manifest(Line):
    """The member that names all others."""

    format: Literal["facestream-people"]
    version: Literal[1]
    created_at: Time
    gallery: Source
    counts: Counts
    models: list[ModelEntry]
    files: dict[str, FileEntry]


class PersonLine(Line):
    """A line of people.jsonl."""

    id: PersonId
    name: Word
    created_at: Time
    consent: Text | None
    retain_until: Time | None
    watchlists: list[Word]


class WatchlistLine(Line):
    """A line of watchlists.jsonl."""

    name: Word
    purpose: Text
    created_at: Time


class CropLine(Line):
    """The picture that a template was made of, and where the face is in it."""

    sha256: Sha256
    box: Annotated[list[Finite], Field(min_length=4, max_length=4)]
    """x0 y0 x1 y1 pixels"""
    landmarks: Annotated[list[Finite], Field(min_length=10, max_length=10)]
    """x y pixels of five points"""


class TemplateLine(Line):
    """A line of templates.jsonl: in the order of people.jsonl, and of each person's own."""

    person: PersonId
    model: Count
    """place in the manifest's models"""
    row: Count
    """of that model's array"""
    quality: Annotated[float, Field(ge=0.0, le=1.0)]
    source: Text
    image_sha256: Sha256
    created_at: Time
    crop: CropLine | None
