"""Options that belong together as one value: a command's parameter may be a frozen dataclass of options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to see it: a parameter whose type is a dataclass is replaced by its fields.

    Each field is annotated as an option is and has a default. The command gets the dataclass.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    seen: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = groups.get(parameter.name)
        seen += [parameter.replace(annotation=hints[parameter.name])] if kind is None else _options(kind)

    @wraps(command)
    def flat(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    signature = inspect.Signature([each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in seen])
    flat.__signature__ = signature  # type: ignore[attr-defined]
    flat.__annotations__ = {each.name: each.annotation for each in seen} | {"return": None}
    return flat


def _options(group: Any) -> list[inspect.Parameter]:
    """The dataclass's fields as parameters."""
    hints = get_type_hints(group, include_extras=True)
    found = []
    for field in fields(group):
        assert field.default is not MISSING, f"{group.__name__}.{field.name} needs a default"
        found.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
        )
    return found
