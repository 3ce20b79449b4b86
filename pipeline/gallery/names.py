"""What a person may be called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

from pipeline.errors import GalleryError
from pipeline.gallery.storage.records import Person

MAX_NAME = 200
"""code points; longer than any name in use, short enough for a table and a Redis channel"""

MAX_NOTE = 2000
"""code points; a paragraph"""

PERSON_ID = re.compile(r"p_[0-9a-f]{12}")
_STRANGER_ID = re.compile(r"s_[0-9a-f]{6,12}")
"""or the beginning of one: `strangers name s_3f90ab s_77c1d2` is a merge that was asked for by the wrong command"""

_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, halves of surrogate pairs (bytes that are no UTF-8), line breaks"""

_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""overrides of the writing direction: they reorder what follows the name. Hebrew or Arabic needs none"""


def clean_name(name: str) -> str:
    """The name as it is kept: NFC, without spaces around it. Raises GalleryError with what is wrong with it.

    Any script, emoji and punctuation is a name. Something that looks like an id is not: it would be
    ambiguous wherever a name or an id may be given.
    """
    kept = unicodedata.normalize("NFC", name).strip()
    for character in kept:
        if unicodedata.category(character) in _REFUSED or character in _DIRECTIONS:
            raise GalleryError(f"a name must not have the character U+{ord(character):04X} in it: {kept!a}")
    if not any(unicodedata.category(character)[0] in "LNSP" for character in kept):
        raise GalleryError("a name must have at least one visible character")
    if len(kept) > MAX_NAME:
        raise GalleryError(f"a name must have at most {MAX_NAME} characters, got {len(kept)}")
    if PERSON_ID.fullmatch(kept):
        raise GalleryError(f"a name must not look like an id: {kept}")
    if _STRANGER_ID.fullmatch(kept):
        raise GalleryError(
            f"a name must not look like a stranger's id: {kept}; 'strangers merge' joins strangers"
        )
    return kept


def clean_note(note: str) -> str:
    """A note on a person as it is kept: one line of text. Raises GalleryError with what is wrong with it."""
    kept = unicodedata.normalize("NFC", note).strip()
    for character in kept:
        if unicodedata.category(character) in _REFUSED or character in _DIRECTIONS:
            raise GalleryError(f"a note must not have the character U+{ord(character):04X} in it: {kept!a}")
    if not kept:
        raise GalleryError("a note must have at least one visible character")
    if len(kept) > MAX_NOTE:
        raise GalleryError(f"a note must have at most {MAX_NOTE} characters, got {len(kept)}")
    return kept


def is_text(name: str) -> bool:
    """Whether databases and Redis take the string: it can be written as UTF-8, and PostgreSQL keeps no NUL."""
    return not any(unicodedata.category(character) == "Cs" or character == "\0" for character in name)


def suggest(asked: str, people: Iterable[Person]) -> str:
    """Who may have been meant, for the end of a message: "did you mean Ann (p_...)?", or where to look.

    A part of a name that is nearly right is enough: `Barak` means Barack Obama.
    """
    meant = [f"{person.name} ({person.id})" for person in people if _resembles(asked, person.name)]
    return f"; did you mean {' or '.join(meant[:3])}?" if meant else "; 'people list' shows everybody"


def _resembles(asked: str, name: str) -> bool:
    """Whether the name, or a word of it, is nearly what was asked for."""
    folded = name.casefold()
    return bool(get_close_matches(asked.casefold(), [folded, *folded.split()], n=1, cutoff=0.75))
