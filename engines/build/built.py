"""Engines on disk: built once, used while the manifest beside them says what is wanted now.

    <models>/built/<model>-<hash of source and recipe>/{model.xml, model.bin | model.engine, manifest.json}

Building is one process's work at a time; an engine appears whole, and after it passed the gate, or not at all.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.backends.base import Engine
from engines.backends.choose import EngineChoice
from engines.build.from_description import sha256_beside, torch_engine, write_model_onnx
from engines.build.network_files import (
    NETWORKS,
    TensorrtWishes,
    at_fp32,
    engine_of,
    gpu_at,
    openvino_engine,
    precise_network,
    stand_in_network,
    write_network,
)
from engines.build.parity import Gate, References, check, held_to
from engines.build.tensorrt_facts import GpuHere, TensorrtEngineFacts, mismatch
from engines.errors import BuildError, ModelFileError
from engines.manifest import BuiltFile, Manifest, Parity, Recipe, installed_versions, read_manifest
from engines.progress import OnProgress, Progress
from engines.zoo.cache import hash_file
from engines.zoo.description import ModelDescription
from engines.zoo.lock import folder_lock, scratch_folder

log = logging.getLogger(__name__)

REVISION = 4
FOLDER = "built"
PARTS = 3


@dataclass(frozen=True, slots=True)
class How:
    """What an engine is compiled for, and held to."""

    gate: Gate = field(default_factory=Gate)
    wishes: TensorrtWishes = field(default_factory=TensorrtWishes)
    anew: bool = False
    """although one is there and up to date"""


@dataclass(frozen=True, slots=True)
class Built:
    """An engine on disk."""

    folder: Path
    manifest: Manifest

    @property
    def network(self) -> Path:
        """The file that the backend opens."""
        return self.folder / NETWORKS[self.manifest.recipe.backend]

    @property
    def size_bytes(self) -> int:
        """Of its files together."""
        return sum(file.size_bytes for file in self.manifest.files)

    def engine(self, choice: EngineChoice) -> Engine:
        """The engine, not yet open."""
        return engine_of(self.network, self.manifest, choice)


def recipe_for(model: ModelDescription, choice: EngineChoice) -> Recipe:
    """What an engine of this model would be made of now. Raises CatalogueError."""
    return Recipe(
        model=model.name,
        source_sha256=model.files[0].sha256,
        network=model.network,
        backend=choice.backend,
        precision=choice.precision,
        revision=REVISION,
        versions=installed_versions(choice.backend),
        int8_sha256=sha256_beside(model, "int8") if choice.precision == "int8" else "",
        pixels="" if model.input is None else model.input.model_dump_json(),
        head_sha256=sha256_beside(model, "head"),
    )


def find_built(recipe: Recipe, models: Path, gpu: int = 0) -> Built | None:
    """The engine of this recipe, if it is there, whole and not outdated; why not is logged."""
    found = look_up(recipe, models, gpu)
    if isinstance(found, str):
        log.warning("%s: its engine must be built anew: %s", recipe.model, found)
        return None
    return found


def look_up(recipe: Recipe, models: Path, gpu: int = 0) -> Built | str | None:
    """The engine of this recipe, or why the one that is there is not it, or None. `gpu` is what TensorRT runs on."""
    folder = models / FOLDER / recipe.folder_name
    if not folder.is_dir():
        return None
    manifest = read_manifest(folder)
    if manifest is None:
        return f"{folder} has no readable manifest"
    return _problem(manifest, recipe, folder, gpu) or Built(folder, manifest)


def engines_beside(model: ModelDescription, models: Path) -> tuple[Built, ...]:
    """Every engine of this model that has a manifest, of all backends and precisions, outdated ones too."""
    folders = sorted((models / FOLDER).glob(f"{model.name}-*"))
    found = ((folder, read_manifest(folder)) for folder in folders)
    return tuple(
        Built(folder, manifest)
        for folder, manifest in found
        if manifest is not None and manifest.recipe.model == model.name
    )


def build(
    model: ModelDescription,
    source: Path,
    choice: EngineChoice,
    models: Path,
    on_progress: OnProgress,
    how: How | None = None,
) -> Built:
    """The engine of this model: what is there, else built anew and held to the gate.

    An engine that fails leaves what was there before; one that is there is held to the limits of today, by what was
    measured when it was built. Raises BuildError, BackendError, CatalogueError and ModelFileError.
    """
    how = how or How()
    recipe = recipe_for(model, choice)
    if not how.anew and (built := find_built(recipe, models, choice.gpu)) is not None:
        return _within(built, how.gate)
    try:
        with folder_lock(models / FOLDER):
            meanwhile = look_up(recipe, models, choice.gpu)
            if not how.anew and isinstance(meanwhile, Built):
                return _within(meanwhile, how.gate)  # built by another process, while this one waited
            with scratch_folder(models / FOLDER) as scratch:
                manifest = _Building(model, source, choice, recipe, models, how, on_progress).into(
                    scratch / "engine"
                )
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


def _within(built: Built, gate: Gate) -> Built:
    """The engine, if it keeps the gate's limits, which may be narrower than those it was built under."""
    recipe, parity = built.manifest.recipe, built.manifest.parity or built.manifest.network_parity
    if parity is not None:
        check(parity, recipe.model, recipe.precision, recipe.backend, gate.limits)
    return built


@dataclass(frozen=True, slots=True)
class _Building:
    """One build: convert, write the backend's file, compare."""

    model: ModelDescription
    source: Path
    choice: EngineChoice
    recipe: Recipe
    models: Path
    how: How
    on_progress: OnProgress

    def into(self, folder: Path) -> Manifest:
        """Everything, in a folder that is not there yet."""
        from engines.networks.onnx_file import read_onnx, tensor_specs

        model, choice = self.model, self.choice
        log.info("%s: building an engine, %s %s", model.name, choice.backend, choice.precision)
        folder.mkdir()
        started = time.perf_counter()
        self._report(0)
        onnx = folder / "model.onnx"
        write_model_onnx(model, self.source, onnx)
        self._report(1)
        inputs, outputs = tensor_specs(read_onnx(onnx))
        network = precise_network(model, onnx, folder / "precise.onnx", choice)
        path = folder / NETWORKS[choice.backend]
        facts = write_network(network, path, inputs, choice, self.how.wishes, self.models / FOLDER)
        self._report(2)
        manifest = Manifest(self.recipe, inputs, outputs, (), None, tensorrt=facts)
        manifest = replace(manifest, seconds=round(time.perf_counter() - started, 2))
        manifest = self._checked(manifest, path, onnx, network)
        for made in folder.glob("*.onnx"):
            made.unlink()
        manifest = replace(manifest, files=_files(folder))
        manifest.write(folder)
        self._report(PARTS)
        return manifest

    def _checked(self, manifest: Manifest, path: Path, onnx: Path, network: Path) -> Manifest:
        """The manifest with what the gate measured: of the engine, or of its network where it cannot run here."""
        references = self._references(manifest, onnx)
        unchecked = _cannot_run(manifest.tensorrt, self.choice)
        if unchecked is None:
            return replace(manifest, parity=self._held(engine_of(path, manifest, self.choice), references))
        log.warning(
            "%s: COMPILED, NOT CHECKED HERE: %s; its network is compared instead, run by OpenVINO, and the engine "
            "when it is first used on a GPU",
            self.model.name,
            unchecked,
        )
        same = stand_in_network(self.model, onnx, network, self.choice)
        stand_in = openvino_engine(same, manifest.inputs, manifest.outputs, at_fp32(self.choice))
        return replace(manifest, unchecked=unchecked, network_parity=self._held(stand_in, references))

    def _held(self, engine: Engine, references: References) -> Parity:
        parity = held_to(self.how.gate, self.model, engine, references, self.models, self.on_progress)
        backend, precision = self.choice.backend, self.choice.precision
        check(parity, self.model.name, precision, backend, self.how.gate.limits)
        return parity

    def _references(self, manifest: Manifest, onnx: Path) -> References:
        """The torch network, or OpenVINO at fp32 for a user's model that torch cannot run here."""
        plain = at_fp32(self.choice)
        fast = openvino_engine(onnx, manifest.inputs, manifest.outputs, plain)
        try:
            info = replace(plain, backend="torch").info
            # One thread: on a busy machine torch's threads wait for each other by spinning, 25 times longer.
            reference = torch_engine(self.model, self.source, info, threads=1)
        except ModelFileError as error:
            log.info("%s: comparing with OpenVINO at fp32: %s", self.model.name, error)
            return References(openvino_engine(onnx, manifest.inputs, manifest.outputs, plain), fast)
        return References(reference, fast)

    def _report(self, done: int) -> None:
        self.on_progress(Progress(self.model.name, "building", done, PARTS))


def _cannot_run(facts: TensorrtEngineFacts | None, choice: EngineChoice) -> str | None:
    """Why an engine that was just built cannot run on this machine, or None."""
    if facts is None:
        return None
    from engines.backends.tensorrt import tensorrt_here

    here = tensorrt_here(choice.gpu)
    if isinstance(here, str):
        return here
    return mismatch(facts, gpu_at(choice.gpu), here.flavour, here.version)


def _files(folder: Path) -> tuple[BuiltFile, ...]:
    paths = sorted(folder.iterdir())
    return tuple(
        BuiltFile(path.name, hash_file(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths
    )


def _problem(manifest: Manifest, recipe: Recipe, folder: Path, gpu: int) -> str | None:
    """Why an engine is not what this recipe would give, or None."""
    if (difference := manifest.recipe.difference(recipe)) is not None:
        return f"it was built with {difference}"
    if manifest.tensorrt is not None and (misfit := _misfit(manifest, manifest.tensorrt, gpu)) is not None:
        return misfit
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


def _misfit(manifest: Manifest, facts: TensorrtEngineFacts, gpu: int) -> str | None:
    """Why a TensorRT engine is not for the GPU that is here; None too where there is no GPU to be for."""
    from engines.backends.tensorrt import tensorrt_here

    here = tensorrt_here(gpu)
    if isinstance(here, str):
        return None
    on = GpuHere(here.gpu.name, here.gpu.compute_capability)
    found = mismatch(facts, on, here.flavour, here.version)
    if found is None and manifest.parity is None:
        return "it was compiled where no GPU could run it, and was never compared"
    return found
