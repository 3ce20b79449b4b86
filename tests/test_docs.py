"""What the pages and docstrings say, held to the code: commands, options, files, links, keys, examples, figures."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.core import TyperGroup

from config.schema import Config
from pipeline.commands.app import ENTRIES, LazyCommand, load_command
from pipeline.commands.bench import benchmark_names

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?<![\w./])(?:pipeline|engines|config|tests|benchmarks|docs)(?:/[\w.-]+)+")
KEY = re.compile(rf"(?<![/\w])(?:{'|'.join(Config.model_fields)})\.[a-z_]+")
DEFAULT = re.compile(rf"`({KEY.pattern})`,? \(?(\d[\d,]*(?:\.\d+)?)")
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
NUMBER = re.compile(r"\|\s*\**[-<>]?\d+(?:\.\d+)?\s*(?:±|%|x|ms|fps|s|/|\**\s*\|)")


@dataclass(frozen=True)
class Call:
    """A command line that a page shows."""

    page: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.name}: {' '.join(self.words)}"


def relative(page: Path) -> str:
    return str(page.relative_to(ROOT))


def calls() -> Iterator[Call]:
    """Every call of run_pipeline.py in a block or between backticks, without what a comment says of it."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = "\n".join(block for _, block in FENCE.findall(text))
        indented = [line for line in text.splitlines() if line.startswith("    ")]
        for line in [*blocks.splitlines(), *indented, *CODE.findall(FENCE.sub("", text))]:
            _, found, rest = line.partition("run_pipeline.py ")
            if found:
                yield Call(page, tuple(shlex.split(rest, comments=True)))


def options_of(call: Call) -> tuple[set[str], list[str]]:
    """The options that the call's command has, and the words that follow the command's name."""
    name, *rest = call.words
    command = load_command(next(entry for entry in ENTRIES if entry.name == name))
    if isinstance(command, TyperGroup):
        command = command.commands[rest.pop(0)]
        command = load_command(command.entry) if isinstance(command, LazyCommand) else command
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)}, rest


CALLS = sorted(set(calls()), key=str)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_command_that_a_page_shows_is_there_with_its_options(call: Call) -> None:
    known, words = options_of(call)
    if call.words[0] == "bench":
        assert words[0] in benchmark_names()
        source = (ROOT / "benchmarks" / f"{words[0]}.py").read_text(encoding="utf-8")
        known |= set(re.findall(r'"(--[a-z-]+)"', source))
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used <= known


def test_readme_shows_every_command_that_a_person_needs() -> None:
    shown = {call.words[0] for call in CALLS if call.page.name == "README.md"}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {entry.name for entry in ENTRIES} - shown - {"demo"} <= {"bench"}
    assert "make demo" in text


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z/.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = [
            *CODE.findall(text),
            *(line for _, block in FENCE.findall(text) for line in block.splitlines()),
        ]
        used = {match[1] for each in named if (match := re.match(r"make ([a-z/.-]+)", each))}
        assert used <= targets, relative(page)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=relative)
def test_links_and_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [file for file in FILE.findall(text) if not (ROOT / file.rstrip(".")).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_keys_of_the_configuration_are_real(page: Path) -> None:
    named = {key for code in CODE.findall(page.read_text(encoding="utf-8")) for key in KEY.findall(code)}
    real = {f"{s}.{key}" for s, section in Config() for key in type(section).model_fields}
    assert {key for key in named if not (ROOT / key).exists()} - real == set()


def test_defaults_that_pages_state_are_the_defaults() -> None:
    stated = [
        (page.name, key, float(value.replace(",", "")))
        for page in PAGES
        for key, value in DEFAULT.findall(page.read_text(encoding="utf-8"))
    ]
    default = {f"{s}.{key}": value for s, section in Config() for key, value in section}
    assert stated == [(page, key, default[key]) for page, key, _ in stated]
    assert len(stated) > 2


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_figures_name_the_command_that_prints_them_and_the_date(page: Path) -> None:
    """Where the figures stand, or once at the head of the page."""
    head, *sections = re.split(r"^##+ ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for section in [head, *(f"{section}\n{head}" for section in sections)]:
        if len(NUMBER.findall(section)) > 2:
            title = section.splitlines()[0]
            assert "run_pipeline.py" in section, title
            assert DATE.search(section), title


def test_python_in_pages_compiles() -> None:
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
            if language == "python":
                compile(block, str(page), "exec")


def modules_with_examples() -> list[str]:
    files = [file for top in ("pipeline", "engines", "config") for file in sorted((ROOT / top).rglob("*.py"))]
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files
        if re.search(r">>> (?!.*\+SKIP)", file.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_hold(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), report=True)
    assert results.failed == 0
    assert results.attempted > 0
