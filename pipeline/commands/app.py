"""The command line: which commands there are. Each is imported only when it is run, so that help is quick."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="run_pipeline.py",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    epilog="Example: python run_pipeline.py demo",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of a table: <package>/<called>.py has a function or typer app that is called the same."""

    name: str
    summary: str
    package: str = "pipeline.commands"
    passes_on: bool = False
    """what follows the first argument is not parsed here, but found in the context's `args`"""
    module: str | None = None
    """of the command, and its function, where they are not called as it is: `import` is a keyword"""

    @property
    def called(self) -> str:
        """What module and function are called."""
        return self.name if self.module is None else self.module


ENTRIES = (
    Entry("demo", "From nothing to named people in a recording."),
    Entry("models", "Fetch, verify and convert the models."),
    Entry("build", "Compile engines, and compare them with fp32."),
    Entry("enroll", "Add a person to the gallery from photos."),
    Entry("people", "List, show, change, import, export, forget people."),
    Entry("watchlists", "Named lists of people, each for a purpose."),
    Entry("strangers", "Unknown people who were seen: list, show, name."),
    Entry("verify", "Compare two photos: the same person?"),
    Entry("identify", "Say who is on photos."),
    Entry("search", "Where a face was seen before."),
    Entry("cluster", "Group photos of unknown people by person."),
    Entry("monitor", "Watch cameras, and publish who is seen."),
    Entry("replay", "Say who is seen in recorded video, and when."),
    Entry("why", "Why a face got no name, and what to change."),
    Entry("cameras", "Cameras: list, add, remove, pause, resume."),
    Entry("status", "What the running monitor does, live."),
    Entry("subscribe", "Follow the published events."),
    Entry("upgrade", "Change to another embedder, without a gap."),
    Entry("backup", "All of the gallery into one file."),
    Entry("restore", "A backup into an empty gallery, or in its place."),
    Entry("expire", "Erase what is kept too long."),
    Entry("doctor", "Check versions, hardware, models, Redis, gallery."),
    Entry("calibrate", "Derive the distance for a rate of false names."),
    Entry("evaluate", "Measure accuracy by published protocols."),
    Entry("train", "Teach a network on photos of people."),
    Entry("bench", "Run a benchmark.", passes_on=True),
)


class LazyCommand(TyperCommand):
    """A command known by name and summary; its module is imported when it is about to be parsed."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.summary, rich_markup_mode=None)
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse with the command itself, which then also runs: a context belongs to the command that made it."""
        return load_command(self.entry).make_context(info_name, args, parent=parent, **extra)


def load_command(entry: Entry) -> Any:
    """The command or group of an entry. Raises ModuleNotFoundError.

    Where a group's module has a table ENTRIES of its own, as evaluate.py, those commands are in it, and as lazy.
    """
    module = importlib.import_module(f"{entry.package}.{entry.called}")
    found = getattr(module, entry.called)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=entry.name, context_settings=HELP)
        group = typer.main.get_command(holder)
        assert isinstance(group, TyperGroup)
        inner = group.commands[entry.name]
        assert isinstance(inner, TyperGroup)
        return add_entries(inner, getattr(module, "ENTRIES", ()))
    settings: dict[str, Any] = dict(HELP)
    if entry.passes_on:
        settings |= {
            "allow_extra_args": True,
            "ignore_unknown_options": True,
            "allow_interspersed_args": False,
        }
    holder.command(entry.name, context_settings=settings)(found)
    return typer.main.get_command(holder)


def add_entries(group: TyperGroup, entries: Iterable[Entry]) -> TyperGroup:
    """The group with a lazy command an entry."""
    for entry in entries:
        group.add_command(LazyCommand(entry))
    return group


def print_version(wanted: bool) -> None:
    """Print the version and exit, where --version was given."""
    if wanted:
        from pipeline.commands.machine import facestream_version

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
    return add_entries(group, ENTRIES)
