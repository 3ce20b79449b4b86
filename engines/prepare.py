"""From a model's name to an engine that is ready to open: fetch, verify, convert, build."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.backends.base import Engine
from engines.backends.choose import EngineChoice
from engines.build.built import How, build
from engines.build.from_description import torch_engine, torch_network
from engines.build.network_files import fitting
from engines.errors import CatalogueError
from engines.manifest import Manifest
from engines.progress import OnProgress, ignore
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.description import ModelDescription, Role
from engines.zoo.fetch import fetch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model with its engine."""

    description: ModelDescription
    engine: Engine
    """not yet open"""
    manifest: Manifest | None
    """of the built engine; none for the torch reference, which runs from the model's own file"""


def prepare(
    name: str,
    catalogue: Catalogue,
    models: Path,
    choice: EngineChoice,
    on_progress: OnProgress = ignore,
    pip_args: Sequence[str] = (),
    role: Role | None = None,
    how: How | None = None,
) -> Prepared:
    """The model's engine; nothing is fetched or built that is in `models` already, whole and up to date.

    `role` is what the caller needs it for; none: any. `how` is what an engine that must be built is held to; none:
    to the reference on painted images. A model without an int8 file gets another precision where int8 is chosen.
    Raises CatalogueError, ModelFetchError, ModelFileError, BuildError and BackendError.
    """
    model = catalogue.model(name)
    if role is not None and model.role != role:
        there = ", ".join(each.name for each in catalogue.of_role(role))
        raise CatalogueError(f"{catalogue.source}: {name} is for {model.role}; for {role} there is: {there}")
    if model.network == "none":
        raise CatalogueError(
            f"{catalogue.source}: {name} is {model.role}, which no engine runs; choose another model"
        )
    source = fetch(model, ModelCache(models), on_progress, pip_args)[0]
    if choice.backend == "torch":
        return Prepared(model, _torch(model, source, choice), None)
    own = fitting(model, choice)
    if own != choice:
        log.info(
            "%s: %s instead of %s: it has no int8 file in models.yaml", name, own.precision, choice.precision
        )
    built = build(model, source, own, models, on_progress, how)
    return Prepared(model, built.engine(own), built.manifest)


def _torch(model: ModelDescription, source: Path, choice: EngineChoice) -> Engine:
    """The network in torch, on the GPU or the processor, from the model's own file. Raises ModelFileError."""
    if not choice.on_gpu:
        return torch_engine(model, source, choice.info, choice.threads)
    from engines.backends.torch_cuda import TorchCudaEngine

    network, inputs, outputs = torch_network(model, source)
    return TorchCudaEngine(model.name, network, inputs, outputs, choice.info, choice.gpu)
