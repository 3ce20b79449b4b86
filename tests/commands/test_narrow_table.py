"""A table that is too wide for the terminal loses its frame and breaks its texts, and no figure is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from pipeline.commands.narrow_table import fitted

FIGURES = ("0.1400", "1,234,567", "-0.01")


def wide() -> Table:
    table = Table("what was rejected", "at the worst", "pairs", "gain", title="figures")
    table.add_row("quality-weighted (ours)", *FIGURES)
    table.add_row("a photo of somebody", "", "7", "")
    return table


def printed(table: Table, width: int) -> list[str]:
    written = io.StringIO()
    console = Console(file=written, width=width, markup=False, highlight=False)
    console.print(fitted(table, console))
    return written.getvalue().splitlines()


def test_a_table_that_has_room_stays_as_it_is() -> None:
    table = wide()
    assert fitted(table, Console(width=120)) is table
    assert table.show_edge
    assert "quality-weighted (ours)" in "\n".join(printed(table, 120))


@pytest.mark.parametrize("width", range(30, 66))
def test_figures_are_whole_and_no_line_is_too_long(width: int) -> None:
    lines = printed(wide(), width)
    words = " ".join(lines).split()
    assert set(FIGURES) < set(words)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)


def test_words_are_broken_only_where_they_must() -> None:
    assert {"quality-weighted", "(ours)", "rejected"} <= set(" ".join(printed(wide(), 45)).split())
    assert "quality-weighted" not in " ".join(printed(wide(), 30)).split()


def test_where_not_even_figures_have_room_everything_is_still_there() -> None:
    text = "".join("".join(printed(wide(), 16)).split())
    assert "…" not in text
    assert sum(character.isdigit() for character in text) == sum(map(str.isdigit, "".join(FIGURES))) + 1


def test_a_table_without_rows() -> None:
    assert printed(Table("a long heading", "another long heading"), 20)
