"""Which backend runs, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.backends.choose import available_backends, choose, instructions
from engines.errors import BackendError


def test_auto_is_the_fastest_that_is_installed_and_says_why() -> None:
    choice = choose()

    assert choice.backend == available_backends()[0] == "openvino"
    assert "openvino" in choice.reason
    assert choice.precision in choice.reason
    assert choice.device


def test_what_is_asked_for_is_taken() -> None:
    choice = choose("openvino", "fp32", threads=2)

    assert (choice.backend, choice.precision, choice.threads) == ("openvino", "fp32", 2)
    assert choice.info.reason == choice.reason


def test_openvino_computes_no_fp16() -> None:
    with pytest.raises(BackendError, match=r"no fp16 on processors; set engine\.precision="):
        choose("openvino", "fp16")


def test_int8_is_taken_where_it_is_asked_for() -> None:
    choice = choose("openvino", "int8")

    assert choice.precision == "int8"
    assert "int8: asked for" in choice.reason


@pytest.mark.parametrize(
    ("flags", "int8", "bf16"),
    [
        ("fpu amx_int8 amx_bf16 avx512_vnni", " (AMX)", " (AMX)"),
        ("fpu avx512_vnni avx_vnni avx512_bf16", " (AVX-512 VNNI)", " (AVX-512)"),
        ("fpu avx_vnni", " (AVX VNNI)", ""),
        ("fpu", "", ""),
    ],
)
def test_the_reason_names_the_instructions(flags: str, int8: str, bf16: str, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\n\nprocessor : 1\nflags : fpu\n")

    assert instructions("int8", cpuinfo) == int8
    assert instructions("bf16", cpuinfo) == bf16
    assert instructions("int8", tmp_path / "missing") == ""


def test_torch_computes_in_fp32() -> None:
    assert choose("torch").precision == "fp32"
    with pytest.raises(BackendError, match=r"fp32 only.*engine\.precision=fp32"):
        choose("torch", "bf16")


def test_a_required_backend_is_taken_or_it_is_an_error() -> None:
    assert choose("auto", require="openvino").backend == "openvino"
    with pytest.raises(BackendError, match=r"engine\.require=torch.*there is: openvino, torch"):
        choose("auto", require="torch")


def test_an_unknown_backend_lists_what_there_is() -> None:
    with pytest.raises(BackendError, match="tensorrt is not installed; there is: openvino, torch"):
        choose("tensorrt")
