"""Reading the configuration: YAML file, then FACESTREAM__SECTION__KEY environment, then --set section.key=value.

Each setting is checked by itself, where it stands, so that an error can name the place; later ones win. Values from
the environment and --set are texts and are read as the key's type; "" and "null" are none where the key has that.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from config.describe import describe_allowed, is_secret, section_types, takes_none
from config.errors import ConfigError
from config.schema import Config
from config.secrets import mask
from config.section import Section
from config.text_file import read_text, shown
from config.yaml_text import parse_mapping

PREFIX = "FACESTREAM__"
NOT_KEYS = frozenset({"FACESTREAM__DATA"})
"""variables of the same prefix that are no configuration keys"""
BEYOND = 1e9
"""no key means anything from here on, while waits and native libraries overflow"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key's value and where it was given."""

    origin: str
    """file name, variable name or --set: the beginning of an error"""
    section: str
    key: str
    value: object
    is_text: bool
    """whether the value is a text still to be read as the key's type"""

    @property
    def place(self) -> str:
        """Where this is, for an error: a variable's name says the key already."""
        if self.origin.startswith(PREFIX):
            return self.origin
        joint = " " if self.origin == "--set" else ": "
        return f"{self.origin}{joint}{shown(self.section)}.{shown(self.key)}"


def load(file: Path | None, environment: Mapping[str, str], assignments: Sequence[str]) -> Config:
    """The configuration out of its three sources, each later one winning.

    `assignments` are texts "section.key=value". Raises ConfigError.
    """
    settings = [*(_from_file(file) if file is not None else ()), *_from_environment(environment)]
    settings += _from_assignments(assignments)
    chosen: dict[str, dict[str, object]] = {}
    for setting in settings:
        value = _checked(setting)
        chosen.setdefault(setting.section, {})[setting.key] = value
    try:
        return Config.model_validate(chosen)
    except ValidationError as error:
        # Every value is right by itself, so this is about several keys together.
        reasons = "; ".join(_reason(detail["msg"]) for detail in error.errors())
        origins = ", ".join(dict.fromkeys(setting.origin for setting in settings))
        raise ConfigError(f"{origins or 'defaults'}: {reasons}") from error


def _from_file(file: Path) -> list[Setting]:
    """Settings of a YAML file: sections, and keys in them."""
    settings = []
    for section, keys in parse_mapping(
        read_text(file, "keys and defaults are in config/default.yaml"), str(file)
    ).items():
        _section(f"{file}: {shown(section)}", str(section))
        if keys is None:
            continue  # all its keys are commented out
        if not isinstance(keys, dict):
            raise ConfigError(f"{file}: {section}: expected keys and values below it, got {shown(keys)}")
        settings += [Setting(str(file), str(section), str(key), value, False) for key, value in keys.items()]
    return settings


def _from_environment(environment: Mapping[str, str]) -> list[Setting]:
    settings: dict[tuple[str, str], Setting] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX) or name in NOT_KEYS:
            continue
        section, separator, key = name.removeprefix(PREFIX).casefold().partition("__")
        if not separator or not section or not key:
            raise ConfigError(
                f"{name}: name a section and a key, as {PREFIX}DETECTION__INPUT_PX; "
                f"sections are {', '.join(section_types())}"
            )
        if (section, key) in settings:
            raise ConfigError(f"{name}: given twice, also as {settings[section, key].origin}")
        settings[section, key] = Setting(name, section, key, text, True)
    return list(settings.values())


def _from_assignments(assignments: Iterable[str]) -> list[Setting]:
    settings: dict[tuple[str, str], Setting] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (separator and dot and section and key):
            shown = mask(reprlib.repr(assignment))
            raise ConfigError(f"--set {shown}: expected section.key=value, as detection.input_px=640")
        if (section, key) in settings:
            raise ConfigError(f"--set {section}.{key}: given twice; keep one")
        settings[section, key] = Setting("--set", section, key, text.strip(), True)
    return list(settings.values())


def _section(place: str, name: str) -> type[Section]:
    """The section of this name. Raises ConfigError with the nearest known one."""
    types = section_types()
    if name in types:
        return types[name]
    raise ConfigError(f"{place}: unknown section; {_nearest(name, types)}")


def _field(setting: Setting, section: type[Section]) -> FieldInfo:
    """The key's field. Raises ConfigError with the nearest known one, be it of another section."""
    fields = section.model_fields
    if setting.key in fields:
        return fields[setting.key]
    elsewhere = [name for name, other in section_types().items() if setting.key in other.model_fields]
    if elsewhere and not difflib.get_close_matches(setting.key, fields):
        hint = f"did you mean {elsewhere[0]}.{setting.key}?"
    else:
        hint = _nearest(setting.key, fields)
    raise ConfigError(f"{setting.place}: unknown key; {hint}")


def _nearest(name: str, known: Iterable[str]) -> str:
    """A hint: the nearest known name, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"


def _checked(setting: Setting) -> object:
    """The setting's value in its key's type. Raises ConfigError naming place, value and what is allowed."""
    section = _section(setting.place, setting.section)
    field = _field(setting, section)
    value = setting.value
    if setting.is_text and value in ("", "null") and takes_none(field):
        return None
    if value == "":
        raise _refusal(setting, field)
    try:
        made = section.model_validate({setting.key: value}, strict=not setting.is_text)
    except ValidationError as error:
        if any(detail["loc"] for detail in error.errors()):
            raise _refusal(setting, field) from error
        return value  # a rule about several keys of the section: checked when all are known
    checked: object = getattr(made, setting.key)
    if isinstance(checked, int | float) and not abs(checked) < BEYOND:  # nan is below nothing
        raise ConfigError(f"{_refusal(setting, field)} (beyond what a number here can mean)")
    return checked


def _refusal(setting: Setting, field: FieldInfo) -> ConfigError:
    expected = f"{setting.place}: expected {describe_allowed(field)}"
    if setting.value in (None, ""):
        return ConfigError(f"{expected}, got nothing")
    if is_secret(field):
        return ConfigError(f"{expected}; what was given is a secret and not shown")
    # Quotes tell a file's '640' from 640; in the environment and after --set everything is a text.
    got = shown(setting.value) if setting.is_text else shown(reprlib.repr(setting.value))
    return ConfigError(f"{expected}, got {got}")


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")
