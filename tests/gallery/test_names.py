"""Any name of any script is kept as it is; what would break a terminal, a table or a look-up is refused."""

from __future__ import annotations

import unicodedata

import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.names import MAX_NAME, clean_name, suggest
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.rows import now

HOSTILE = (
    "'; DROP TABLE people; --",
    "../../etc/passwd",
    "..",
    '"Bobby" \\ Tables %s {0} $(id) `id`',
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "محمد عبد الله",
    "שָׁלוֹם בֶּן־דָּוִד",
    "李小龍",
    "नरेंद्र",
    "[bold red]Ann[/]",
    "--json",
    "x" * MAX_NAME,
    "p_3f",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strange_name_is_a_name(name: str) -> None:
    assert clean_name(name) == unicodedata.normalize("NFC", name)


def test_spaces_around_a_name_go_and_letters_are_composed() -> None:
    assert clean_name("\u2003 Jose\u0301 Ann\u00a0") == "José Ann"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "visible character"),
        (" \t ", "visible character"),
        ("\u200d\ufe0f", "visible character"),
        ("Ann\0", r"U\+0000"),
        ("Ann\nBob", r"U\+000A"),
        ("Ann\x1b[31m", r"U\+001B"),
        ("Ann\u2028Bob", r"U\+2028"),
        ("Ann\u202egpj", r"U\+202E"),
        ("Ann\udcff", r"U\+DCFF"),
        ("x" * (MAX_NAME + 1), "at most 200 characters, got 201"),
        ("p_0123456789ab", "look like an id"),
        ("s_0123456789ab", "stranger's id"),
        ("s_77c1d2", "strangers merge"),
    ],
)
def test_what_cannot_be_a_name_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(GalleryError, match=message) as refused:
        clean_name(name)
    assert str(refused.value).isprintable()


def person(name: str) -> Person:
    return Person(f"p_{name.lower()}", name, now())


def test_close_names_are_suggested_with_their_ids() -> None:
    people = [person("Ann"), person("ANN"), person("Zacharias")]
    assert suggest("ann", people) == "; did you mean Ann (p_ann) or ANN (p_ann)?"
    assert suggest("Zacharis", people) == "; did you mean Zacharias (p_zacharias)?"


def test_a_word_of_a_name_is_enough() -> None:
    assert suggest("Barak", [person("Barack Obama"), person("Joe Biden")]).startswith(
        "; did you mean Barack Obama"
    )


def test_where_nothing_is_close_the_list_is_named() -> None:
    assert suggest("Ann", [person("Zacharias")]) == suggest("Ann", []) == "; 'people list' shows everybody"
