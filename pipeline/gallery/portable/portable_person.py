"""A person of a portable file, and what is checked of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.errors import GalleryError
from pipeline.gallery.names import clean_name, clean_note
from pipeline.gallery.portable.portable_format import PEOPLE, TEMPLATES, PersonLine, TemplateLine
from pipeline.gallery.storage.records import NewTemplate


@dataclass(frozen=True, slots=True)
class PortableTemplate:
    """A template as it was in the gallery that it comes from."""

    new: NewTemplate
    line: TemplateLine


@dataclass(frozen=True, slots=True)
class PortablePerson:
    """A person and all their templates."""

    line: PersonLine
    templates: tuple[PortableTemplate, ...]


def check_person(person: PersonLine, last: str, names: set[str], lists: set[str]) -> None:
    """Raise ValueError unless this person may follow `last`; takes down the name."""
    if person.id <= last:
        raise ValueError(f"{PEOPLE}: {person.id} is not in order, or comes twice")
    check_kept(person.name, clean_name)
    if person.name in names:
        raise ValueError(f"{PEOPLE}: two people are called {person.name}")
    names.add(person.name)
    if person.consent is not None:
        check_kept(person.consent, clean_note)
    if not lists.issuperset(person.watchlists) or len(set(person.watchlists)) != len(person.watchlists):
        raise ValueError(f"{PEOPLE}: {person.id} is on a list that is not there, or twice")


def check_images(person: PersonLine, templates: Sequence[PortableTemplate]) -> None:
    """Raise ValueError where a person has two templates of one image and model."""
    if len({(one.new.model_id, one.new.image_sha256) for one in templates}) != len(templates):
        raise ValueError(f"{TEMPLATES}: {person.id} has an image twice")


def check_kept(text: str, clean: Callable[[str], str]) -> None:
    """Raise ValueError unless a text is as the gallery would keep it."""
    try:
        kept = clean(text)
    except GalleryError as error:
        raise ValueError(str(error)) from None
    if kept != text:
        raise ValueError(f"{text!r} would be kept as {kept!r}")
