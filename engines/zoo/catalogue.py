"""The list of models: those that ship, read from models.yaml, and those that were trained here, from own.yaml."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from engines.errors import CatalogueError
from engines.zoo.description import Crop, InputFormat, ModelDescription, ModelFile, Package, Role

OWN_FILE = "own.yaml"
"""in the folder of the models: entries of the same form, written by `train --export`"""
AUTO, BEFORE_ANY_SWITCH = "auto", "facenet-20180408"
"""a name for the embedder that serves a gallery, and what it means where no gallery was ever switched to another"""
KNOWN_KEYS = sorted(
    {key for entry in (ModelDescription, Package, ModelFile, InputFormat, Crop) for key in entry.model_fields}
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model that is described."""

    models: tuple[ModelDescription, ...]
    source: Path
    """the file they are described in"""
    problems: tuple[str, ...] = ()
    """what is wrong with own.yaml, a line each: such a model is left out, and hides no other"""

    def model(self, name: str) -> ModelDescription:
        """The model of this name. Raises CatalogueError that names the nearest."""
        wanted = BEFORE_ANY_SWITCH if name == AUTO else name
        for model in self.models:
            if model.name == wanted:
                return model
        names = [model.name for model in self.models]
        left_out = "".join(f"; left out: {problem}" for problem in self.problems)
        raise CatalogueError(
            f"{self.source}: no model {name!r}{_nearest(name, names)}; known: {', '.join(names)}{left_out}"
        )

    def of_role(self, role: Role) -> tuple[ModelDescription, ...]:
        """The models of this role, in the file's order."""
        return tuple(model for model in self.models if model.role == role)


def read_catalogue(source: Path, models: Path | None = None) -> Catalogue:
    """The models described in a YAML file; a relative `path` in it starts at the file's folder.

    Args:
        models: the folder of model files, whose own.yaml is read too where there is one; None: no own models. What
            is wrong in there is in the catalogue's `problems`.

    Raises CatalogueError naming file, model and key.
    """
    entries = _entries(source)
    shipped = Catalogue(tuple(_model(source, name, entry) for name, entry in entries.items()), source)
    own = None if models is None else models / OWN_FILE
    return shipped if own is None or not os.path.exists(own) else _with_own(shipped, own)


def _with_own(shipped: Catalogue, own: Path) -> Catalogue:
    """The same, and what own.yaml describes well under a name that is free."""
    try:
        entries = _entries(own)
    except CatalogueError as error:
        return Catalogue(shipped.models, shipped.source, (str(error),))
    taken = {model.name for model in shipped.models}
    found, problems = list(shipped.models), []
    for name, entry in entries.items():
        try:
            model = _model(own, name, entry)
        except CatalogueError as error:
            problems.append(str(error))
            continue
        if name in taken:
            problems.append(f"{own}: {name} is the name of a model that ships; give it another")
        else:
            found.append(model)
    return Catalogue(tuple(found), shipped.source, tuple(problems))


def _entries(source: Path) -> dict[str, object]:
    """The file's entries by name. Raises CatalogueError."""
    try:
        entries = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"{source} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise CatalogueError(f"{source} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(entries, dict):
        raise CatalogueError(f"{source} must map names of models to their descriptions")
    return {str(name): entry for name, entry in entries.items()}


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
