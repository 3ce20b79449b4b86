"""From a trained network to a model that everything else can use: its files, and its entry in own.yaml.

    <models>/NAME/NAME.onnx        a network; of a head its own small file, and the trunk's
    <models>/NAME/strangers.json   how far apart two people's vectors are, where the test half could tell
    <models>/own.yaml              an entry of the same form as in config/models.yaml

Files are there whole before the entry names them, so that a killed export leaves nothing that looks like a model.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock
from torch import nn

from engines.backends.base import TensorSpec
from engines.build.onnx_from_torch import write_onnx
from engines.errors import CatalogueError
from engines.networks.head import Head
from engines.strangers import Strangers
from engines.zoo.cache import hash_file
from engines.zoo.catalogue import OWN_FILE, read_catalogue
from engines.zoo.description import InputFormat, ModelDescription
from engines.zoo.lock import folder_lock, scratch_file

STRANGERS, HEAD_FILE, INT8 = "strangers.json", "head.safetensors", "int8.npz"
OWN_LOCK = ".own.lock"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
BUILT = "built"
"""a folder of the models that is no model's"""
HEADER = "# Models that were trained here, made by `train --export`. Entries are as in config/models.yaml.\n"
LICENCE = "of whoever trained it here"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is to be known of a model wherever its weights go."""

    terms: str
    """what it was trained on, by which command, and how good it is"""
    compatible_with: tuple[str, ...] = ()
    """model_ids into whose space it was trained"""
    strangers: Strangers | None = None
    """of its vectors on the test half; thresholds are derived from them"""


def check_name(name: str, source: Path, models: Path, *, replace_own: bool) -> None:
    """Raise CatalogueError for a name that the model cannot have: one that ships, or an own one unless it may go.

    `source`: the models.yaml that ships.
    """
    if not NAME.fullmatch(name) or name == BUILT:
        raise CatalogueError(f"{name!r} cannot be the name of a model; use letters, digits, dots, dashes")
    if any(model.name == name for model in read_catalogue(source).models):
        raise CatalogueError(f"{name} is the name of a model that ships; give another with --name")
    if name in _entries(models) and not replace_own:
        raise CatalogueError(
            f"{name} is there already, in {models / OWN_FILE}; replace it with --force, or give another with --name"
        )


def export_network(
    network: nn.Module, input_: InputFormat, dimension: int, name: str, models: Path, about: Provenance
) -> ModelDescription:
    """Write a network of float planes as ONNX, with its entry. Raises CatalogueError, OSError."""
    folder = models / name
    planes = TensorSpec("crops", ("n", 3, input_.side_px or 0, input_.side_px or 0))
    with folder_lock(folder):
        path = folder / f"{name}.onnx"
        with scratch_file(path) as scratch:
            write_onnx(network.eval(), planes, TensorSpec("vectors", ("n", dimension)), scratch)
            os.replace(scratch, path)
        digest = hash_file(path)
        entry: dict[str, Any] = {
            "network": "onnx",
            "path": f"{name}/{path.name}",
            "files": [{"name": path.name, "sha256": digest, "bytes": path.stat().st_size}],
            "input": input_.model_dump(mode="json", exclude_defaults=True),
        }
        return _enter(name, models, entry, dimension, digest, about)


def export_head(
    head: Head, trunk: ModelDescription, trunk_file: Path, name: str, models: Path, about: Provenance
) -> ModelDescription:
    """Write a head beside the trunk's file, with its entry. Raises CatalogueError, OSError.

    `trunk_file`: where the trunk's own file is kept; it is linked where the disk can, so that nothing is fetched again.
    """
    folder = models / name
    with folder_lock(folder):
        head.write(folder / HEAD_FILE)
        _beside(trunk_file, folder / trunk_file.name)
        assert trunk.package is not None  # a trunk ships
        assert trunk.input is not None
        entry: dict[str, Any] = {
            "network": trunk.network,
            "package": trunk.package.model_dump(mode="json", exclude_none=True),
            "files": [file.model_dump(mode="json", exclude_none=True) for file in trunk.files],
            "input": trunk.input.model_dump(mode="json", exclude_defaults=True),
            "head": f"{name}/{HEAD_FILE}",
        }
        if trunk.int8 is not None:
            _beside(trunk.int8, folder / INT8)
            entry["int8"] = f"{name}/{INT8}"
        return _enter(name, models, entry, head.dimension, hash_file(folder / HEAD_FILE), about)


def _enter(
    name: str, models: Path, entry: Mapping[str, Any], dimension: int, digest: str, about: Provenance
) -> ModelDescription:
    """Put the entry into own.yaml, under a model_id that no other weights have had."""
    model_id = f"{name}-{digest[:8]}"
    whole = {
        "role": "embedding",
        "model_id": model_id,
        "licence": LICENCE,
        "terms": about.terms,
        **entry,
        "dimension": dimension,
    }
    if about.compatible_with:
        whole["compatible_with"] = list(about.compatible_with)
    if about.strangers is not None:
        replace(about.strangers, model_id=model_id).write(models / name / STRANGERS)
        whole["strangers"] = f"{name}/{STRANGERS}"
    description = ModelDescription.model_validate(whole | {"name": name})
    with FileLock(models / OWN_LOCK):
        entries = _entries(models) | {name: whole}
        text = HEADER + yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=110)
        with scratch_file(models / OWN_FILE) as scratch:
            scratch.write_text(text, encoding="utf-8")
            os.replace(scratch, models / OWN_FILE)
    return description


def _entries(models: Path) -> dict[str, Any]:
    """What own.yaml holds; nothing where it is not there. Raises CatalogueError where it cannot be added to."""
    path = models / OWN_FILE
    if not path.exists():
        return {}
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CatalogueError(f"{path} cannot be read ({reason}); repair it, or move it away") from error
    if not isinstance(entries, dict | None):
        raise CatalogueError(
            f"{path} must map names of models to their descriptions; repair it, or move it away"
        )
    return dict(entries or {})


def _beside(file: Path, copy: Path) -> None:
    """The same file under another name: one on the disk where that can be, else a copy."""
    with scratch_file(copy) as scratch:
        try:
            os.link(file, scratch)
        except OSError:
            shutil.copyfile(file, scratch)
        os.replace(scratch, copy)
