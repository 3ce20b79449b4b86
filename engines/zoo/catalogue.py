"""The list of models, read from models.yaml."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from engines.errors import CatalogueError
from engines.zoo.description import Crop, InputFormat, ModelDescription, ModelFile, Package, Role

KNOWN_KEYS = sorted(
    {key for entry in (ModelDescription, Package, ModelFile, InputFormat, Crop) for key in entry.model_fields}
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model that is described."""

    models: tuple[ModelDescription, ...]
    source: Path
    """the file they are described in"""

    def model(self, name: str) -> ModelDescription:
        """The model of this name. Raises CatalogueError that names the nearest."""
        for model in self.models:
            if model.name == name:
                return model
        names = [model.name for model in self.models]
        raise CatalogueError(
            f"{self.source}: no model {name!r}{_nearest(name, names)}; known: {', '.join(names)}"
        )

    def of_role(self, role: Role) -> tuple[ModelDescription, ...]:
        """The models of this role, in the file's order."""
        return tuple(model for model in self.models if model.role == role)


def read_catalogue(source: Path) -> Catalogue:
    """The models described in a YAML file; a relative `path` in it starts at the file's folder.

    Raises CatalogueError naming file, model and key.
    """
    try:
        entries = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"{source} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{source} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(entries, dict):
        raise CatalogueError(f"{source} must map names of models to their descriptions")
    return Catalogue(tuple(_model(source, str(name), entry) for name, entry in entries.items()), source)


def _model(source: Path, name: str, entry: object) -> ModelDescription:
    if not isinstance(entry, dict):
        raise CatalogueError(f"{source}: {name} must be a description, got {entry!r}")
    try:
        model = ModelDescription.model_validate({**entry, "name": name})
    except ValidationError as error:
        raise CatalogueError(f"{source}: {name}{_first_problem(error)}") from error
    beside = {key: getattr(model, key) for key in ("path", "centre", "strangers", "int8", "head")}
    return model.model_copy(
        update={key: source.parent / path for key, path in beside.items() if path is not None}
    )


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    # A misspelt key is also a missing one; the spelling is what the reader must see.
    problem = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    place = "".join(f".{part}" for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        return f"{place}: unknown key{_nearest(key, KNOWN_KEYS)}"
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}"


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
