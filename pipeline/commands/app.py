"""The command line: which commands there are. Each is imported only when it is run, so that help is quick."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

app = typer.Typer(
    name="run_pipeline.py",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: python run_pipeline.py demo",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the table: its module pipeline/commands/<name>.py has a function or typer app of its name."""

    name: str
    summary: str


ENTRIES = (
    Entry("demo", "From nothing to named people in a recording."),
    Entry("models", "Fetch, verify and convert the models."),
    Entry("enroll", "Add a person to the gallery from photos."),
    Entry("people", "List, show, rename, forget people of the gallery."),
    Entry("verify", "Compare two photos: the same person?"),
    Entry("identify", "Say who is on photos."),
    Entry("replay", "Say who is seen in recorded video, and when."),
    Entry("subscribe", "Follow the published events."),
    Entry("doctor", "Check versions, hardware, models, Redis, gallery."),
    Entry("bench", "Run a benchmark."),
)


class LazyCommand(TyperCommand):
    """A command known by name and summary; its module is imported when it is about to be parsed."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse with the command itself, which then also runs: a context belongs to the command that made it."""
        assert self.name is not None
        return load_command(self.name).make_context(info_name, args, parent=parent, **extra)


def load_command(name: str) -> Any:
    """The command or group of pipeline/commands/<name>.py. Raises ModuleNotFoundError."""
    found = getattr(importlib.import_module(f"pipeline.commands.{name}"), name)
    if isinstance(found, typer.Typer):
        group = typer.main.get_command(found)
        group.name = name
        return group
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    settings = {"help_option_names": ["-h", "--help"]} | getattr(found, "context_settings", {})
    single.command(name, context_settings=settings)(found)
    return typer.main.get_command(single)


def print_version(wanted: bool) -> None:
    """Print the version and exit, where --version was given."""
    if wanted:
        from pipeline.commands.doctor import facestream_version

        typer.echo(f"facestream {facestream_version()}")
        raise typer.Exit


@app.callback()
def facestream(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Find the people you know in cameras and recorded video, and publish who was seen, where and when."""


def root_command() -> TyperGroup:
    """The group of all commands."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for entry in ENTRIES:
        group.add_command(LazyCommand(entry.name, help=entry.summary, rich_markup_mode=None))
    return group
