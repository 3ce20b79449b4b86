"""What a manifest says of a TensorRT engine, and why an engine cannot run here."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engines.build.tensorrt_facts import GpuHere, TensorrtEngineFacts, mismatch
from engines.build.tensorrt_profiles import Profile

H200 = GpuHere("NVIDIA H200", "9.0")
ADA = GpuHere("NVIDIA RTX 4090", "8.9")
LAPTOP = GpuHere("NVIDIA RTX 4070 Laptop GPU", "8.9")
TURING = GpuHere("NVIDIA T4", "7.5")
PROFILES = (Profile("crops", (1, 160, 160, 3), (16, 160, 160, 3), (64, 160, 160, 3)),)
FACTS = TensorrtEngineFacts("tensorrt", "11.4.0.106", "fp16", PROFILES, H200, ("9.0",), False, False, None)
RTX = replace(
    FACTS, flavour="tensorrt_rtx", version="1.7.1.116", gpu=None, compute_capabilities=("8.6", "8.9", "12.0")
)
BUILD = "build it here: python run_pipeline.py build --backend tensorrt --precision fp16"


@pytest.mark.parametrize(
    "facts", [FACTS, RTX, replace(FACTS, workspace_bytes=1 << 30, version_compatible=True)]
)
def test_it_outlives_json(facts: TensorrtEngineFacts) -> None:
    assert TensorrtEngineFacts.from_plain(json.loads(json.dumps(facts.plain()))) == facts


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("flavour", "onnxruntime"),
        ("precision", "fp64"),
        ("gpu", {"name": "x"}),
        ("profiles", [{"tensor": "x", "min_shape": [1], "opt_shape": [0], "max_shape": [1]}]),
        ("profiles", 3),
        ("compute_capabilities", None),
    ],
)
def test_what_is_not_ours(key: str, value: Any) -> None:
    plain = {**FACTS.plain(), key: value}

    with pytest.raises((KeyError, TypeError, ValueError)):
        TensorrtEngineFacts.from_plain(plain)


def test_an_engine_that_fits() -> None:
    assert mismatch(FACTS, H200, "tensorrt", "11.4.0.106") is None
    assert mismatch(RTX, ADA, "tensorrt_rtx", "1.7.1.116") is None
    assert mismatch(RTX, LAPTOP, "tensorrt_rtx", "1.7.1.116") is None


def test_nothing_to_run_it_on() -> None:
    assert (
        mismatch(FACTS, H200, None, None) == "TensorRT is not installed: pip install -r requirements-gpu.txt"
    )
    assert mismatch(FACTS, None, "tensorrt", "11.4.0.106") == (
        "there is no NVIDIA GPU that its driver knows; set engine.backend=openvino"
    )


def test_another_tensorrt() -> None:
    assert mismatch(RTX, ADA, "tensorrt", "11.4.0.106") == (
        f"it was built with tensorrt_rtx 1.7.1.116, here is tensorrt 11.4.0.106; {BUILD}"
    )
    assert mismatch(FACTS, H200, "tensorrt", "11.5.0.1") == (
        f"it was built with tensorrt 11.4.0.106, here is 11.5.0.1; {BUILD}"
    )


@pytest.mark.parametrize(
    ("here", "fits"),
    [("11.4.0.106", True), ("11.5.0.1", True), ("11.10.0.1", True), ("11.3.1.2", False), ("12.0.0.1", False)],
)
def test_a_version_compatible_engine_runs_with_later_releases(here: str, fits: bool) -> None:
    facts = replace(FACTS, version_compatible=True)

    assert (mismatch(facts, H200, "tensorrt", here) is None) == fits


def test_another_gpu() -> None:
    facts = replace(FACTS, gpu=ADA, compute_capabilities=("8.9",))

    for here in (LAPTOP, H200, TURING):
        assert mismatch(facts, here, "tensorrt", FACTS.version) == (
            f"{here.name} has compute capability {here.compute_capability}, it was built on NVIDIA RTX 4090 (8.9); "
            f"{BUILD}"
        )


def test_a_hardware_compatible_engine_runs_since_ampere() -> None:
    facts = replace(FACTS, hardware_compatible=True)

    assert mismatch(facts, ADA, "tensorrt", FACTS.version) is None
    assert mismatch(facts, GpuHere("later", "12.0"), "tensorrt", FACTS.version) is None
    assert mismatch(facts, TURING, "tensorrt", FACTS.version) is not None


def test_rtx_on_a_gpu_that_it_was_not_compiled_for() -> None:
    assert mismatch(RTX, TURING, "tensorrt_rtx", RTX.version) == (
        f"NVIDIA T4 has compute capability 7.5, it was compiled for 8.6, 8.9, 12.0; {BUILD} --compute-capability 7.5"
    )


def test_rtx_knows_no_hopper() -> None:
    assert mismatch(RTX, H200, "tensorrt_rtx", RTX.version) == (
        "NVIDIA H200 has compute capability 9.0, it was compiled for 8.6, 8.9, 12.0; tensorrt_rtx has no engines "
        "for it: pip install -r requirements-gpu.txt, or set engine.backend=torch"
    )
