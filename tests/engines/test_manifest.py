"""Manifests: written and read back, and what makes two recipes differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.backends.base import TensorSpec
from engines.manifest import BuiltFile, Manifest, Parity, Recipe, installed_versions, read_manifest

RECIPE = Recipe("tiny", "0" * 64, "onnx", "openvino", "bf16", 1, {"openvino": "1"})
MANIFEST = Manifest(
    recipe=RECIPE,
    inputs=(TensorSpec("crops", ("n", 3, 8, 8)),),
    outputs=(TensorSpec("vectors", ("n", 6)),),
    files=(BuiltFile("model.xml", "1" * 64, 5, 6),),
    parity=Parity("torch fp32", 4, 0.25, None),
)


def test_it_is_read_as_written(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)

    assert read_manifest(tmp_path) == MANIFEST


def test_there_is_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, source_sha256="1" * 64),
        replace(RECIPE, network="centerface"),
        replace(RECIPE, backend="torch"),
        replace(RECIPE, precision="fp32"),
        replace(RECIPE, revision=2),
    ],
)
def test_what_else_it_is_made_from_is_another_engine(other: Recipe) -> None:
    assert other.folder_name != RECIPE.folder_name
    assert other.difference(RECIPE) is not None


def test_another_release_replaces_the_engine() -> None:
    other = replace(RECIPE, versions={"openvino": "2"})

    assert other.folder_name == RECIPE.folder_name
    assert RECIPE.difference(other) == "versions {'openvino': '1'}, now {'openvino': '2'}"
    assert RECIPE.difference(RECIPE) is None


def test_installed_versions() -> None:
    versions = installed_versions()

    assert versions.keys() == {"onnx", "openvino", "torch"}
    assert all(version[0].isdigit() for version in versions.values())
