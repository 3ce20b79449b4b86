"""What a built engine was made from, written beside it, so that an outdated one is found out and built anew."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from engines.backends.base import TensorSpec
from engines.backends.tensorrt_module import tensorrt_flavour, tensorrt_version
from engines.build.parity_measures import FaceParity, LfwParity, VectorParity
from engines.build.tensorrt_facts import TensorrtEngineFacts

MANIFEST = "manifest.json"
SHAPED_BY = ("onnx", "openvino", "torch")
"""packages whose release may change what is built for OpenVINO"""
SHAPED_TENSORRT = ("onnx", "torch")
"""the same for TensorRT, beside TensorRT itself"""


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
    """release of each package that shapes engines of this backend"""
    int8_sha256: str = ""
    """of the file that says how a network is quantised; empty for other precisions"""
    pixels: str = ""
    """how they become its input, as models.yaml says: it is part of the graph"""
    head_sha256: str = ""
    """of the file with the layer that stands in place of the network's last; empty where its own does"""

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
                return f"{field.name} {mine or 'unknown'}, now {theirs or 'none'}"
        return None


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an engine is from the reference, on the same pixels (engines/build/parity.py)."""

    reference: str
    """torch fp32, or openvino fp32 where torch lacks operators"""
    material: str
    """lfw_dev, demo photos, or seeded images where there was neither"""
    samples: int
    """crops of an embedder, frames of a detector"""
    max_abs: float
    """largest difference of two output values for painted images, relative to the largest value of that output"""
    vectors: VectorParity | None
    """of an embedder"""
    faces: FaceParity | None
    """of a detector, on real frames"""
    lfw: LfwParity | None
    """of an embedder, where LFW's photos were there and wanted"""

    @property
    def max_squared_l2(self) -> float | None:
        """Largest squared L2 distance between two embeddings of one crop; none for other networks."""
        return None if self.vectors is None else self.vectors.max_squared_l2


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
    parity: Parity | None
    """None: nothing here could run the engine, and `unchecked` says why"""
    unchecked: str = ""
    """why the engine itself was compared with nothing; empty where it was"""
    network_parity: Parity | None = None
    """then, of the ONNX network that it was compiled from, run by OpenVINO: what its precision costs"""
    tensorrt: TensorrtEngineFacts | None = None
    """of a TensorRT engine"""
    seconds: float = 0.0
    """that converting and compiling took, without the comparison"""

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
            parity=_parity(value["parity"]),
            unchecked=value["unchecked"],
            network_parity=_parity(value["network_parity"]),
            tensorrt=_facts(value["tensorrt"]),
            seconds=value["seconds"],
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def installed_versions(backend: str = "openvino") -> dict[str, str]:
    """Releases of the packages that shape a backend's engines, without importing them: torch alone takes seconds.

    TensorRT's own is among them for its engines alone, so that installing it leaves the others as they are.
    """
    if backend != "tensorrt":
        return {name: _version(name) for name in SHAPED_BY}
    flavour = tensorrt_flavour() or "tensorrt"
    return {name: _version(name) for name in SHAPED_TENSORRT} | {flavour: tensorrt_version() or "none"}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _spec(value: dict[str, Any]) -> TensorSpec:
    return TensorSpec(value["name"], tuple(value["shape"]), value["element"])


def _parity(value: dict[str, Any] | None) -> Parity | None:
    if value is None:
        return None
    parts = {
        "vectors": _part(VectorParity, value["vectors"]),
        "faces": _part(FaceParity, value["faces"]),
        "lfw": _part(LfwParity, value["lfw"]),
    }
    return Parity(**value | parts)


Part = TypeVar("Part")


def _part(kind: type[Part], value: dict[str, Any] | None) -> Part | None:
    return None if value is None else kind(**value)


def _facts(value: dict[str, Any] | None) -> TensorrtEngineFacts | None:
    return None if value is None else TensorrtEngineFacts.from_plain(value)
