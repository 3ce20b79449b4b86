"""Lines of values in a YAML text."""

from __future__ import annotations

from config.yaml_places import read_places

TEXT = "# head\na: 1\nb:\n  - c: x\n    d: y\n  - {c: 2}\n"


def test_lines_of_values() -> None:
    places = read_places(TEXT, "f")
    assert places.is_mapping
    assert [places.line(*path) for path in [("a",), ("b", 0), ("b", 0, "d"), ("b", 1, "c")]] == [2, 4, 5, 6]


def test_what_is_not_there_is_where_it_would_be() -> None:
    places = read_places(TEXT, "f")
    assert [places.line(*path) for path in [("z",), ("b", 0, "z"), ("b", 7), ("a", 0)]] == [1, 4, 3, 2]


def test_a_text_that_is_no_yaml_has_no_places() -> None:
    assert read_places("a: [", "f").line("a") == 1
    assert not read_places("- a", "f").is_mapping
