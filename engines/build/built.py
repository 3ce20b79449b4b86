"""Engines on disk: built once, used while the manifest beside them says what is wanted now.

    <models>/built/<model>-<hash of source and recipe>/{model.xml, model.bin, manifest.json}

Building is one process's work at a time; an engine appears whole or not at all.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from engines.backends.base import Engine, TensorSpec
from engines.backends.choose import EngineChoice
from engines.backends.openvino import OpenvinoEngine
from engines.build.from_description import torch_engine, write_model_onnx
from engines.build.openvino_from_onnx import write_openvino
from engines.build.parity import compare, seeded_inputs
from engines.errors import BuildError, ModelFileError
from engines.manifest import BuiltFile, Manifest, Parity, Recipe, installed_versions, read_manifest
from engines.progress import OnProgress, Progress
from engines.zoo.cache import hash_file
from engines.zoo.description import ModelDescription
from engines.zoo.lock import folder_lock, scratch_folder

log = logging.getLogger(__name__)

REVISION = 2
FOLDER = "built"
NETWORK = "model.xml"
PARTS = 3
MAX_SQUARED_L2 = {"fp32": 1e-8, "bf16": 0.01}
"""between embeddings of one input; two people differ by about 1, and bf16 keeps 8 bits of each product"""
MAX_RELATIVE = {"fp32": 1e-3, "bf16": 0.1}


@dataclass(frozen=True, slots=True)
class Built:
    """An engine on disk."""

    folder: Path
    manifest: Manifest

    @property
    def network(self) -> Path:
        """The file that the backend opens."""
        return self.folder / NETWORK

    @property
    def size_bytes(self) -> int:
        """Of its files together."""
        return sum(file.size_bytes for file in self.manifest.files)

    def engine(self, choice: EngineChoice) -> Engine:
        """The engine, not yet open."""
        specs = self.manifest.inputs, self.manifest.outputs
        return OpenvinoEngine(self.network, *specs, choice.info, choice.threads)


def recipe_for(model: ModelDescription, choice: EngineChoice) -> Recipe:
    """What an engine of this model would be made of now."""
    return Recipe(
        model=model.name,
        source_sha256=model.files[0].sha256,
        network=model.network,
        backend=choice.backend,
        precision=choice.precision,
        revision=REVISION,
        versions=installed_versions(),
    )


def find_built(recipe: Recipe, models: Path) -> Built | None:
    """The engine of this recipe, if it is there, whole and not outdated; why not is logged."""
    found = _look_up(recipe, models)
    if isinstance(found, str):
        log.warning("%s: its engine must be built anew: %s", recipe.model, found)
        return None
    return found


def build(
    model: ModelDescription, source: Path, choice: EngineChoice, models: Path, on_progress: OnProgress
) -> Built:
    """The engine of this model: what is there, else built anew. Raises BuildError and ModelFileError."""
    recipe = recipe_for(model, choice)
    if (built := find_built(recipe, models)) is not None:
        return built
    try:
        with folder_lock(models / FOLDER):
            if isinstance(meanwhile := _look_up(recipe, models), Built):
                return meanwhile  # built by another process, while this one waited
            with scratch_folder(models / FOLDER) as scratch:
                manifest = _build_into(scratch / "engine", model, source, choice, recipe, on_progress)
                folder = models / FOLDER / recipe.folder_name
                if folder.exists():
                    os.replace(folder, scratch / "outdated")
                os.replace(scratch / "engine", folder)
    except OSError as error:
        raise BuildError(
            f"{model.name}: {models / FOLDER} cannot be written: {error.strerror or error}; "
            "name another folder with FACESTREAM_MODELS"
        ) from error
    return Built(folder, manifest)


def _build_into(
    folder: Path,
    model: ModelDescription,
    source: Path,
    choice: EngineChoice,
    recipe: Recipe,
    on_progress: OnProgress,
) -> Manifest:
    """Convert, build and compare in an empty folder."""
    log.info("%s: building an engine, %s %s", model.name, choice.backend, choice.precision)
    folder.mkdir()
    onnx = folder / "model.onnx"
    on_progress(Progress(model.name, "building", 0, PARTS))
    write_model_onnx(model, source, onnx)
    on_progress(Progress(model.name, "building", 1, PARTS))
    write_openvino(onnx, folder / NETWORK)
    inputs, outputs = _specs(onnx)
    on_progress(Progress(model.name, "building", 2, PARTS))
    engine = OpenvinoEngine(folder / NETWORK, inputs, outputs, choice.info, choice.threads)
    parity = _checked_parity(model, engine, _reference(model, source, onnx, choice, engine))
    onnx.unlink()
    manifest = Manifest(recipe, inputs, outputs, _files(folder), parity)
    manifest.write(folder)
    on_progress(Progress(model.name, "building", PARTS, PARTS))
    return manifest


def _specs(onnx: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    from engines.networks.onnx_file import read_onnx, tensor_specs

    return tensor_specs(read_onnx(onnx))


def _reference(
    model: ModelDescription, source: Path, onnx: Path, choice: EngineChoice, engine: OpenvinoEngine
) -> Engine:
    """The torch network, or OpenVINO at fp32 for a user's model that torch cannot run here."""
    try:
        return torch_engine(model, source, replace(choice, backend="torch", precision="fp32").info)
    except ModelFileError as error:
        log.info("%s: comparing with OpenVINO at fp32: %s", model.name, error)
        plain = replace(choice, precision="fp32").info
        return OpenvinoEngine(onnx, engine.inputs, engine.outputs, plain, choice.threads)


def _checked_parity(model: ModelDescription, engine: Engine, reference: Engine) -> Parity:
    with engine, reference:
        parity = compare(engine, reference, seeded_inputs(model), embeddings=model.role == "embedding")
    precision = engine.info.precision
    if parity.max_squared_l2 is not None:
        have, limit, what = parity.max_squared_l2, MAX_SQUARED_L2[precision], "squared L2 between embeddings"
    else:
        have, limit, what = parity.max_abs, MAX_RELATIVE[precision], "relative difference"
    if not have <= limit:
        raise BuildError(
            f"{model.name}: {engine.info.backend} {precision} differs from {parity.reference} by {have:.3g} "
            f"({what}, limit {limit:g}); set engine.precision=fp32 or another engine.backend"
        )
    return parity


def _look_up(recipe: Recipe, models: Path) -> Built | str | None:
    """The engine of this recipe, or why the one that is there is not it, or None."""
    folder = models / FOLDER / recipe.folder_name
    if not folder.is_dir():
        return None
    manifest = read_manifest(folder)
    if manifest is None:
        return f"{folder} has no readable manifest"
    return _problem(manifest, recipe, folder) or Built(folder, manifest)


def _files(folder: Path) -> tuple[BuiltFile, ...]:
    paths = sorted(folder.iterdir())
    return tuple(
        BuiltFile(path.name, hash_file(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths
    )


def _problem(manifest: Manifest, recipe: Recipe, folder: Path) -> str | None:
    """Why an engine is not what this recipe would give, or None."""
    if (difference := manifest.recipe.difference(recipe)) is not None:
        return f"it was built with {difference}"
    for file in manifest.files:
        path = folder / file.name
        if not path.is_file():
            return f"{file.name} is missing"
        stat = path.stat()
        if stat.st_size != file.size_bytes:
            return f"{file.name} has {stat.st_size} bytes, not {file.size_bytes}"
        if stat.st_mtime_ns != file.mtime_ns and hash_file(path) != file.sha256:
            return f"{file.name} was changed"
    return None
