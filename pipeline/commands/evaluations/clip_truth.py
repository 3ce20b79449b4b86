"""The truth about a set of clips: who is enrolled from what, and who is seen where and when. Read from YAML."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.yaml_text import parse_mapping
from pipeline.errors import BadInputError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Second = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
FileName = Annotated[str, Field(min_length=1)]
FOREVER_S = float("inf")


class Box(BaseModel):
    """A region of the frame, edges as fractions of it; written as a list x0 y0 x1 y1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x0: Fraction = 0.0
    y0: Fraction = 0.0
    x1: Fraction = 1.0
    y1: Fraction = 1.0

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        if isinstance(value, cls | dict):
            return value
        if not isinstance(value, list) or len(value) != 4:
            raise ValueError("a box is a list of four numbers: x0, y0, x1, y1")
        return dict(zip(("x0", "y0", "x1", "y1"), value, strict=True))

    @model_validator(mode="after")
    def _has_area(self) -> Self:
        if self.x0 >= self.x1 or self.y0 >= self.y1:
            raise ValueError("a box needs x0 below x1 and y0 below y1")
        return self

    def holds(self, x: float, y: float) -> bool:
        """Whether this point, in fractions of the frame, lies in the box; edges do."""
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1


class _Span(BaseModel):
    """Seconds of a clip from its first frame, the end not among them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_s: Second = 0.0
    to_s: Second | None = None
    """None: to the clip's end"""

    @model_validator(mode="after")
    def _is_some_time(self) -> Self:
        if self.until_s <= self.from_s:
            raise ValueError(f"to_s must be above from_s, got {self.from_s:g} to {self.to_s:g}")
        return self

    @property
    def until_s(self) -> float:
        """Where it ends; infinite without `to_s`."""
        return FOREVER_S if self.to_s is None else self.to_s

    def overlaps(self, other: _Span) -> bool:
        """Whether some moment lies in both."""
        return self.from_s < other.until_s and other.from_s < self.until_s


class Watched(_Span):
    """The part of a clip that is run through the pipeline."""


class Shown(_Span):
    """Somebody is in a region of a clip for some time."""

    who: FileName
    """one of the truth's people"""
    box: Box = Box()

    def covers(self, pts_s: float, x: float, y: float) -> bool:
        """Whether a face with this middle, in fractions of the frame, at this second is of this entry."""
        return self.from_s <= pts_s < self.until_s and self.box.holds(x, y)


class Known(_Span):
    """What somebody is enrolled from: photos, or seconds of a clip. Neither: nobody knows them."""

    photos: tuple[FileName, ...] = ()
    clip: FileName | None = None
    box: Box = Box()
    """where in the clip they are"""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.photos and self.clip is not None:
            raise ValueError("give photos or a clip, not both")
        if self.clip is None and self.model_fields_set & {"from_s", "to_s", "box"}:
            raise ValueError("from_s, to_s and box belong to a clip; name it")
        if self.clip is not None and self.to_s is None:
            raise ValueError("a clip needs to_s: up to which second somebody is enrolled from it")
        return self

    @property
    def is_known(self) -> bool:
        """Whether there is something to enroll them from."""
        return bool(self.photos) or self.clip is not None


class Clip(BaseModel):
    """What is watched of a clip, and who is seen in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    watched: Watched = Watched()
    shown: tuple[Shown, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who is seen in the watched part, each once."""
        return tuple(dict.fromkeys(entry.who for entry in self.shown if entry.overlaps(self.watched)))

    def who(self, pts_s: float, x: float, y: float) -> str | None:
        """Whose face has its middle here, in fractions of the frame; None where nobody is known to be."""
        return next((entry.who for entry in self.shown if entry.covers(pts_s, x, y)), None)


class Truth(BaseModel):
    """Everything that is known of a set of clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: dict[FileName, Known]
    clips: dict[FileName, Clip]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.clips:
            raise ValueError("clips: at least one is needed")
        for name, clip in self.clips.items():
            for entry in clip.shown:
                if entry.who not in self.people:
                    raise ValueError(
                        f"clips.{name}.shown: {entry.who!r} is none of people{_nearest(entry.who, self.people)}"
                    )
        for who, known in self.people.items():
            watched = self.clips[known.clip].watched if known.clip in self.clips else None
            if watched is not None and known.overlaps(watched):
                raise ValueError(
                    f"people.{who}: is enrolled from seconds {known.from_s:g} to {known.until_s:g} of {known.clip}, "
                    f"which is watched from {watched.from_s:g} to {watched.until_s:g} s; nobody may be looked for "
                    "in the frames that they were enrolled from"
                )
        return self

    @property
    def enrolled(self) -> tuple[str, ...]:
        """Everybody that there is something to enroll from."""
        return tuple(who for who, known in self.people.items() if known.is_known)

    def clips_of(self, who: str) -> tuple[str, ...]:
        """The clips in whose watched part this person is seen."""
        return tuple(name for name, clip in self.clips.items() if who in clip.people)


def read_truth(path: Path, videos: Path, photos: Path) -> Truth:
    """A truth file, all of whose clips and photos are there. Raises BadInputError, ConfigError: file, place, cure."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be read ({error.strerror}); see benchmarks/clips.yaml"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: no UTF-8 text; name a YAML file like benchmarks/clips.yaml") from error
    try:
        truth = Truth.model_validate(parse_mapping(text, str(path)))
    except ValidationError as error:
        raise BadInputError(f"{path}: {_first_problem(error)}") from error
    for option, folder, files in (
        ("--videos", videos, _videos(truth)),
        ("--photos", photos, [name for known in truth.people.values() for name in known.photos]),
    ):
        for name in files:
            if not (folder / name).is_file():
                raise BadInputError(f"{path}: {folder / name} is no file; give its folder with {option}")
    return truth


def _videos(truth: Truth) -> list[str]:
    return [*truth.clips, *(known.clip for known in truth.people.values() if known.clip is not None)]


KEYS = sorted({key for part in (Truth, Clip, Shown, Known, Watched) for key in part.model_fields})


EXPECTED = {
    "dict_type": "expected keys below it",
    "model_type": "expected keys below it, or {}",
    "tuple_type": "expected a list, as [a.jpg, b.jpg]",
    "string_type": "expected a text; put it in quotes",
    "missing": "is missing",
}
"""by pydantic's type of problem: what the file's author is to write"""


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    # A misspelt key is also a missing one; the spelling is what the reader must see.
    problem = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    place = "".join(f"{part}." for part in problem["loc"])[:-1]
    if problem["type"] == "extra_forbidden":
        return f"{place}: unknown key{_nearest(str(problem['loc'][-1]), KEYS)}"
    said = " ".join(problem["msg"].removeprefix("Value error, ").split())
    message = EXPECTED.get(problem["type"], said.replace("Input should be", "must be"))
    return f"{place}: {message}" if place else message


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
