"""A frozen dataclass of options as one parameter of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipeline.commands.option_groups import with_groups


@dataclass(frozen=True, slots=True)
class Shape:
    """Options."""

    width: Annotated[int, typer.Option("--width", min=1, help="How wide.")] = 3
    name: Annotated[str | None, typer.Option("--name")] = None


def app_that_prints() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_groups
    def draw(
        shape: Shape,
        files: Annotated[list[str] | None, typer.Argument(metavar="FILE...")] = None,
        fast: Annotated[bool, typer.Option("--fast")] = False,
    ) -> None:
        """Draw it."""
        typer.echo(f"{shape} {files} {fast}")

    return app


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "Shape(width=3, name=None) None False"),
        (["a", "b", "--fast", "--width", "7"], "Shape(width=7, name=None) ['a', 'b'] True"),
        (["--name", "x"], "Shape(width=3, name='x') None False"),
    ],
)
def test_the_command_gets_the_group(arguments: list[str], printed: str) -> None:
    assert CliRunner().invoke(app_that_prints(), arguments).output.strip() == printed


def test_help_has_the_options_and_their_limits_hold() -> None:
    app = app_that_prints()
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "--width" in shown
    assert "How wide." in shown
    assert "Draw it." in shown
    assert CliRunner().invoke(app, ["--width", "0"]).exit_code == 2


def test_an_option_without_a_default_is_refused() -> None:
    @dataclass(frozen=True)
    class Lacking:
        """Options."""

        width: Annotated[int, typer.Option("--width")]

    def draw(shape: Lacking) -> None: ...

    draw.__annotations__["shape"] = Lacking
    with pytest.raises(AssertionError, match=r"Lacking\.width needs a default"):
        with_groups(draw)
