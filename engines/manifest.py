"""What a built engine was made from, written beside it, so that an outdated one is found out and built anew."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engines.backends.base import TensorSpec

MANIFEST = "manifest.json"
SHAPED_BY = ("onnx", "openvino", "torch")
"""packages whose release may change what is built"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a build gives."""

    model: str
    source_sha256: str
    network: str
    backend: str
    precision: str
    revision: int
    """raised when the code of a conversion changes what it gives"""
    versions: dict[str, str]
    """release of each package of SHAPED_BY"""

    @property
    def folder_name(self) -> str:
        """Of the engine; the packages' releases are not in it, so that an update replaces the old build."""
        key = f"{self.source_sha256} {self.network} {self.backend} {self.precision} {self.revision}"
        return f"{self.model}-{sha256(key.encode()).hexdigest()[:12]}"

    def difference(self, other: Recipe) -> str | None:
        """The first thing in which two recipes differ, or None."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                return f"{field.name} {mine}, now {theirs}"
        return None


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an engine's outputs are from a reference's, on seeded inputs."""

    reference: str
    samples: int
    max_abs: float
    """largest difference of two output values, relative to the largest value of that output"""
    max_squared_l2: float | None
    """largest squared L2 distance between two embeddings of one input; none for other networks"""


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file of an engine as it was written."""

    name: str
    sha256: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A recipe and what came of it."""

    recipe: Recipe
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    files: tuple[BuiltFile, ...]
    parity: Parity

    def write(self, folder: Path) -> None:
        """Write it into the engine's folder. Raises OSError."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a built engine; None where there is none, or it is not one of ours."""
    try:
        value = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Manifest(
            recipe=Recipe(**value["recipe"]),
            inputs=tuple(_spec(item) for item in value["inputs"]),
            outputs=tuple(_spec(item) for item in value["outputs"]),
            files=tuple(BuiltFile(**item) for item in value["files"]),
            parity=Parity(**value["parity"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def installed_versions() -> dict[str, str]:
    """Releases of the packages that shape engines, without importing them: torch alone takes seconds."""
    return {name: _version(name) for name in SHAPED_BY}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _spec(value: dict[str, Any]) -> TensorSpec:
    return TensorSpec(value["name"], tuple(value["shape"]), value["element"])
