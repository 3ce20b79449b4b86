"""The house rules that a program can check: what stands where, and how long it may be."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIXED = {"pipeline", "engines", "config", "tests", "run_pipeline.py", "requirements.txt"}
BESIDE = {
    *(
        "benchmarks",
        "docs",
        "Makefile",
        "pyproject.toml",
        "requirements-gpu.txt",
        "requirements-peers.txt",
        "requirements-dev.txt",
    ),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", ".ci", ".gitignore"),
}
MAX_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 320, 70, 9
SOURCES = ("pipeline", "engines", "config", "benchmarks", "tests")
TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".json", ".svg", ".sh", ""}
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|tmp)/\w")


def ignored() -> set[str]:
    """Top-level names and endings that git ignores."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return {line.strip("/") for line in lines} | {".git"}


def python_files() -> list[Path]:
    return [
        ROOT / "run_pipeline.py",
        *(file for name in SOURCES for file in sorted((ROOT / name).rglob("*.py"))),
    ]


def text_files() -> list[Path]:
    """Every text of the project that a person writes."""
    tops = [ROOT / name for name in FIXED | BESIDE]
    files = [inner for top in tops for inner in (sorted(top.rglob("*")) if top.is_dir() else [top])]
    return [
        file for file in files if file.is_file() and file.suffix in TEXTS and "__pycache__" not in file.parts
    ]


def packages() -> list[Path]:
    """Folders that hold modules: every one but those with nothing in them yet."""
    return sorted(
        {
            file.parent
            for top in SOURCES[:3]
            for file in (ROOT / top).rglob("*.py")
            if file.name != "__init__.py"
        }
    )


def mirror_of(package: Path) -> Path:
    """The tests of a folder: of pipeline/<x> they are in tests/<x>, of engines/<x> in tests/engines/<x>."""
    parts = package.relative_to(ROOT).parts
    return ROOT.joinpath("tests", *(parts[1:] if parts[0] == "pipeline" else parts))


def long_functions(text: str) -> list[str]:
    """Functions over the limits, as `name: why`."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        counted = [each for each in given if each.arg not in ("self", "cls") and not is_shared_option(each)]
        if lines > MAX_FUNCTION_LINES:
            found.append(f"{node.name}: {lines} lines")
        if len(counted) > MAX_PARAMETERS:
            found.append(f"{node.name}: {len(counted)} parameters")
    return found


def is_shared_option(argument: ast.arg) -> bool:
    """--config, --data, --set, --json, --debug and the like: commands share them, and hand them on as they are."""
    shared = ("ConfigOption", "DataOption", "SetOption", "JsonOption", "LogJsonOption", "DebugOption")
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id in shared


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_top_level_names_are_the_designs() -> None:
    hidden = ignored()
    names = {entry.name for entry in ROOT.iterdir() if entry.name not in hidden and "*" not in entry.name}
    assert names - FIXED - BESIDE == set()
    assert names >= FIXED


@pytest.mark.parametrize("package", packages(), ids=relative)
def test_every_package_has_its_tests(package: Path) -> None:
    mirror = mirror_of(package)
    assert list(mirror.glob("test_*.py")), f"{relative(package)} has no tests in {relative(mirror)}"


@pytest.mark.parametrize("file", python_files(), ids=relative)
def test_files_and_functions_are_small(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= MAX_LINES, f"{relative(file)} has {lines} lines"
    assert long_functions(text) == []


@pytest.mark.parametrize("file", text_files(), ids=relative)
def test_no_path_of_one_machine(file: Path) -> None:
    found = [
        f"line {number}: {match.group()}"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (match := MACHINE_PATH.search(line))
    ]
    assert found == []


def test_the_limits_bite() -> None:
    many = ", ".join(f"a{number}" for number in range(MAX_PARAMETERS + 1))
    assert long_functions(f"def f({many}): ...") == ["f: 10 parameters"]
    assert long_functions("def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES) == ["f: 71 lines"]
    assert long_functions(f"class A:\n    def f(self, {many.replace('a0, ', '')}): ...") == []
    assert long_functions(f"def f(a: ConfigOption, {many.replace('a0, ', '')}): ...") == []


@pytest.mark.parametrize("place", ["work", "root", "home", "Users", "tmp"])
def test_the_paths_bite(place: str) -> None:
    assert MACHINE_PATH.search(f'open("/{place}/x")')
    assert not MACHINE_PATH.search(f"https://host/{place}/x and frame/{place}/x and a /{place}")
