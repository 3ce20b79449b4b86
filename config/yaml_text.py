"""YAML that refuses what a person did not mean: a key given twice, a list where keys belong."""

from __future__ import annotations

import reprlib
from typing import Any

import yaml

from config.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """SafeLoader (no objects, no code) that does not let a second key of the same name win silently."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            raise yaml.MarkedYAMLError(
                problem=f"{name} is given twice, first on line {seen[name]}", problem_mark=key.start_mark
            )
        seen[name] = line
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_mapping(text: str, name: str) -> dict[Any, Any]:
    """The keys and values of a YAML text; none for an empty one.

    `name` is the file's, for errors. Raises ConfigError with the line.
    """
    try:
        content = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise ConfigError(f"{name}: {line}{_one_line(error.problem or 'not YAML')}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {_one_line(str(error))}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: not a configuration: nested too deeply") from error
    except ValueError as error:  # a date or number that looks right and is none: 2024-13-45
        raise ConfigError(f"{name}: {_one_line(str(error))}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: expected sections with keys below them, got {reprlib.repr(content)}")
    return content


def _one_line(text: str) -> str:
    return " ".join(text.split())
