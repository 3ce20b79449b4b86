"""YAML with a second key of one name is refused, at any depth; aliases and merges still work."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.yaml_text import parse_mapping


def test_keys_and_values() -> None:
    assert parse_mapping("a: {b: 1}\nc: [x, 2.5, null, yes]\n", "f") == {
        "a": {"b": 1},
        "c": ["x", 2.5, None, True],
    }


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "null", "---\n...\n"])
def test_an_empty_text_has_no_keys(text: str) -> None:
    assert parse_mapping(text, "f") == {}


def test_merging_is_no_duplicate() -> None:
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n"
    assert parse_mapping(text, "f")["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  - b: 1\n    b: 2\n", "f: line 3: b is given twice, first on line 2"),
        ("? [a]\n: 1\n", "f: line 1: found unhashable key"),
        ("a: *b\n", "f: line 1: found undefined alias 'b'"),
        ("a: 2024-13-45\n", "f: month must be in 1..12"),
        ("a: \0\n", "f: not YAML: unacceptable character #x0000"),
        ("a: 'x\n", "f: line 2: found unexpected end of stream"),
        ("7\n", "f: expected sections with keys below them, got 7"),
    ],
)
def test_what_is_wrong_gets_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "f")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_bomb_of_aliases_is_not_unfolded() -> None:
    # Each line holds the one before nine times: 9^20 items if it were unfolded.
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    assert len(parse_mapping("\n".join(lines), "f")) == 20
