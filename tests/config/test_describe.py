"""config/default.yaml is the schema's own text."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from config.describe import default_yaml, describe_allowed, is_secret, reasons, section_types, takes_none
from config.detection_section import Detection
from config.engine_sections import Engine
from config.load import load
from config.schema import Config, Embedding, Redis

DEFAULT = Path(__file__).parents[2] / "config" / "default.yaml"
KEYS = [(name, section, key) for name, section in section_types().items() for key in section.model_fields]


def test_default_yaml_is_what_the_schema_says() -> None:
    # Write it anew with the command at the top of config/describe.py.
    assert DEFAULT.read_text(encoding="utf-8") == default_yaml()


def test_default_yaml_loads_as_the_defaults() -> None:
    assert load(DEFAULT, {}, []) == Config()


def test_default_yaml_has_every_key() -> None:
    content = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    assert {section: list(keys) for section, keys in content.items()} == {
        name: list(section.model_fields) for name, section in section_types().items()
    }


def test_every_field_of_the_configuration_is_a_section() -> None:
    assert list(section_types()) == list(Config.model_fields)


@pytest.mark.parametrize(("name", "section", "key"), KEYS, ids=[f"{name}.{key}" for name, _, key in KEYS])
def test_every_key_has_its_reason(name: str, section: type, key: str) -> None:
    assert reasons().get((section.__name__, key)), (
        f"config/schema.py: {section.__name__}.{key} has no text below it"
    )


def test_what_a_key_allows_in_words() -> None:
    fields = Detection.model_fields
    assert describe_allowed(fields["input_px"]) == "auto, or a whole number from 64 to 4096"
    assert describe_allowed(fields["min_score"]) == "a number from 0 to 1"
    assert describe_allowed(fields["rate_hz"]) == "a number above 0"
    assert describe_allowed(fields["model"]) == "a text"
    assert describe_allowed(Embedding.model_fields["max_batch"]) == "a whole number of at least 1"
    assert describe_allowed(Engine.model_fields["require"]) == "one of openvino, tensorrt, torch, or null"
    assert describe_allowed(Redis.model_fields["url"]) == "an address, or null"


def test_which_keys_are_secret_and_which_may_be_none() -> None:
    assert is_secret(Redis.model_fields["url"])
    assert not is_secret(Redis.model_fields["stream"])
    assert takes_none(Engine.model_fields["require"])
    assert not takes_none(Engine.model_fields["threads"])
