"""What is there of each model: for the list of models and for health checks. Reads, never changes or fetches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engines.backends.choose import EngineChoice
from engines.build.built import Built, engines_beside, look_up, recipe_for
from engines.build.network_files import fitting
from engines.errors import CatalogueError
from engines.manifest import Manifest
from engines.zoo.cache import FileState, ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.description import ModelDescription

State = Literal["missing", "fetched", "verified", "built"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is there of one model."""

    model: ModelDescription
    state: State
    """missing: at least one file is; fetched: not hashed since they were written; verified: hashes are right;
    built: and its engine is there, whole and up to date"""
    path: Path
    """folder of the engine where there is one, else of the files"""
    size_bytes: int
    """of files and engine on disk"""
    manifest: Manifest | None = None
    """of the engine where there is one"""
    outdated: str = ""
    """why the engine that is there cannot be used; the next command that needs it builds it anew"""
    engines: tuple[Built, ...] = ()
    """all that lie beside each other, of every backend and precision"""


def model_states(catalogue: Catalogue, models: Path, choice: EngineChoice | None) -> tuple[ModelState, ...]:
    """The state of every model, in the catalogue's order; `choice` says which engines are wanted, none: no matter."""
    return tuple(_state(model, ModelCache(models), choice) for model in catalogue.models)


def _state(model: ModelDescription, cache: ModelCache, choice: EngineChoice | None) -> ModelState:
    size_bytes = sum(path.stat().st_size for path in cache.paths(model) if path.is_file())
    states = {cache.recorded_state(model, file) for file in model.files}
    engines = () if model.network == "none" else engines_beside(model, cache.root)
    outdated = ""
    if states == {FileState.VERIFIED}:
        found = _built(model, cache, choice)
        if isinstance(found, Built):
            size_bytes += found.size_bytes
            return ModelState(model, "built", found.folder, size_bytes, found.manifest, engines=engines)
        outdated = found or ""
    state: State = "verified"
    if FileState.MISSING in states:
        state = "missing"
    elif FileState.UNCHECKED in states:
        state = "fetched"
    return ModelState(model, state, cache.folder(model), size_bytes, outdated=outdated, engines=engines)


def _built(model: ModelDescription, cache: ModelCache, choice: EngineChoice | None) -> Built | str | None:
    if choice is None or choice.backend == "torch" or model.network == "none":
        return None
    try:
        return look_up(recipe_for(model, fitting(model, choice)), cache.root, choice.gpu)
    except CatalogueError as error:
        return str(error)
