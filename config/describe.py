"""What a key allows, in words, and config/default.yaml: all keys with defaults and reasons, out of the schema.

The file is written by

    python -c "from config.describe import default_yaml; print(default_yaml(), end='')" > config/default.yaml

and a test fails when it and the schema differ.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from functools import cache
from itertools import chain
from types import ModuleType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import yaml
from pydantic.fields import FieldInfo

import config.detection_section
import config.engine_sections
import config.live_sections
import config.schema
import config.training_section
from config.schema import Config
from config.secrets import Secret
from config.section import Section

NUMBERS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}
WIDTH = 100
"""columns of default.yaml"""
_HEADER = """\
# Every key with its default, and why it is that. Out of config/schema.py; a test keeps the two alike.
# Copy what you change into a file of your own: --config FILE, or FACESTREAM__SECTION__KEY=value in the
# environment, or --set section.key=value; the later wins.
"""


def section_types() -> dict[str, type[Section]]:
    """The configuration's sections by name, in the schema's order."""
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def takes_none(field: FieldInfo) -> bool:
    """Whether the key may be none."""
    return type(None) in get_args(field.annotation)


def is_secret(field: FieldInfo) -> bool:
    """Whether the key's value must not be shown."""
    return _bare(field.annotation) is Secret


def describe_allowed(field: FieldInfo) -> str:
    """What a key takes: "a whole number from 64 to 4096", "one of auto, fp32, bf16", "auto, or a number above 0"."""
    bare = _bare(field.annotation)
    if get_origin(bare) is Literal:
        choices = ", ".join(str(value) for value in get_args(bare))
        number = _number_beside(field.annotation)
        words = f"one of {choices}" if number is None else f"{choices}, or {NUMBERS[number]}{_limits(field)}"
    else:
        words = NUMBERS.get(bare, "an address" if bare is Secret else "a text") + _limits(field)
    return f"{words}, or null" if takes_none(field) else words


def _number_beside(annotation: Any) -> Any:
    """`int` of `Literal["auto"] | int`; None of what is not such a union."""
    bares = [_bare(part) for part in get_args(annotation)]
    return next((bare for bare in bares if bare in (int, float)), None)


def _bare(annotation: Any) -> Any:
    """`X` of `X | None` and of `Annotated[X, ...]`."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _metadata(field: FieldInfo) -> list[Any]:
    """What limits the value, also inside `Annotated[X, ...] | None`."""
    inner = [part for part in get_args(field.annotation) if get_origin(part) is Annotated]
    limits = [given for part in inner for given in get_args(part)[1:]]
    # pydantic's own Field(ge=0) inside a union keeps its limits in a metadata list of its own
    return [*field.metadata, *(single for given in limits for single in getattr(given, "metadata", [given]))]


def _limits(field: FieldInfo) -> str:
    """ " from 0 to 1" of the field's bounds, or nothing."""
    bounds: dict[str, float] = {}
    for limit in _metadata(field):
        for single in limit if isinstance(limit, annotated_types.GroupedMetadata) else (limit,):
            for bound in ("ge", "le", "gt", "lt"):
                if (value := getattr(single, bound, None)) is not None:
                    bounds[bound] = value
    if "ge" in bounds and "le" in bounds:
        return f" from {bounds['ge']:g} to {bounds['le']:g}"
    words = {"ge": "of at least", "le": "of at most", "gt": "above", "lt": "below"}
    return "".join(f" {words[bound]} {value:g}" for bound, value in bounds.items())


@cache
def reasons() -> dict[tuple[str, str], str]:
    """The text under each field of the schema, by class and field name; pydantic does not keep it."""
    found: dict[tuple[str, str], str] = {}
    files = (
        config.schema,
        config.detection_section,
        config.engine_sections,
        config.live_sections,
        config.training_section,
    )
    for node in chain.from_iterable(_statements(file) for file in files):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, text in zip(node.body, node.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[node.name, field.target.id] = " ".join(str(text.value.value).split())
    return found


def default_yaml() -> str:
    """The text of config/default.yaml."""
    lines = [_HEADER]
    for name, section in section_types().items():
        lines.append(f"\n# {inspect.getdoc(section)}\n{name}:\n")
        for key, field in section.model_fields.items():
            reason = reasons().get((section.__name__, key), "")
            reason = f"{reason} [{describe_allowed(field)}]" if reason else describe_allowed(field)
            wrapped = textwrap.wrap(reason, WIDTH, initial_indent="  # ", subsequent_indent="  # ")
            value = yaml.safe_dump({key: field.default}).strip()
            lines.append("\n".join([*wrapped, f"  {value}"]) + "\n")
    return "".join(lines)


def _statements(module: ModuleType) -> list[ast.stmt]:
    return ast.parse(inspect.getsource(module)).body
