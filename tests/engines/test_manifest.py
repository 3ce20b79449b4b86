"""Manifests: written and read back, and what makes two recipes differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.backends.base import TensorSpec
from engines.build.parity_measures import FaceParity, LfwParity, VectorParity
from engines.build.tensorrt_facts import GpuHere, TensorrtEngineFacts
from engines.build.tensorrt_profiles import Profile
from engines.manifest import BuiltFile, Manifest, Parity, Recipe, installed_versions, read_manifest

RECIPE = Recipe("tiny", "0" * 64, "onnx", "openvino", "bf16", 1, {"openvino": "1"})
MANIFEST = Manifest(
    recipe=RECIPE,
    inputs=(TensorSpec("crops", ("n", 3, 8, 8)),),
    outputs=(TensorSpec("vectors", ("n", 6)),),
    files=(BuiltFile("model.xml", "1" * 64, 5, 6),),
    parity=Parity("torch fp32", "seeded images", 4, 0.25, None, None, None),
)
MEASURED = Parity(
    "torch fp32",
    "lfw_dev",
    32,
    0.01,
    VectorParity(32, 0.98, 0.99, 1e-4, 1.1, 496, 2),
    FaceParity(11, 28, 27, 1, 0.01, 0.5, 3.0),
    LfwParity(6000, 0.989, 0.99, "openvino fp32"),
)
FACTS = TensorrtEngineFacts(
    flavour="tensorrt",
    version="11.4.0",
    precision="fp16",
    profiles=(Profile("crops", (1, 8, 8, 3), (2, 8, 8, 3), (4, 8, 8, 3)),),
    gpu=GpuHere("a card", "9.0"),
    compute_capabilities=("9.0",),
    version_compatible=False,
    hardware_compatible=True,
    workspace_bytes=None,
)


@pytest.mark.parametrize(
    "manifest",
    [
        MANIFEST,
        replace(MANIFEST, parity=MEASURED, seconds=1.5),
        replace(MANIFEST, parity=None, unchecked="no GPU", network_parity=MEASURED, tensorrt=FACTS),
    ],
)
def test_it_is_read_as_written(manifest: Manifest, tmp_path: Path) -> None:
    manifest.write(tmp_path)

    assert read_manifest(tmp_path) == manifest


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


def test_tensorrt_shapes_its_own_engines_alone() -> None:
    versions = installed_versions("tensorrt")

    assert {"onnx", "torch"} < versions.keys()
    assert "openvino" not in versions
    assert len(versions.keys() & {"tensorrt", "tensorrt_rtx"}) == 1


def test_another_quantisation_replaces_the_engine() -> None:
    quantised = replace(RECIPE, precision="int8", int8_sha256="0" * 64)
    other = replace(quantised, int8_sha256="1" * 64)

    assert other.folder_name == quantised.folder_name
    assert quantised.difference(other) is not None
