"""Which backend runs, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.backends.choose import GpuRuntimes, choose, instructions, openvino_precision
from engines.backends.cuda.gpus import Gpu
from engines.errors import BackendError

GPU = Gpu(1, "a GPU", "8.9", 8 << 30)
NO_GPU = GpuRuntimes((), "no GPU: no driver", "no GPU: no driver")
ONLY_TORCH = GpuRuntimes((GPU,), "TensorRT is not installed: pip install it", GPU)
BOTH = GpuRuntimes((GPU,), GPU, GPU)


def test_auto_is_the_fastest_that_is_installed_and_says_why() -> None:
    choice = choose()

    assert (choice.backend, choice.on_gpu) == ("openvino", False)
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


@pytest.mark.parametrize(
    ("asked", "computes", "int8", "taken", "reason"),
    [
        ("auto", "FP32 BF16 INT8", " (AMX)", "int8", "multiplies it (AMX), where a model has been measured"),
        ("auto", "FP32 BF16", " (AMX)", "bf16", "computes it (AVX-512)"),  # OpenVINO cannot
        ("auto", "FP32 INT8", "", "fp32", "has no bf16"),  # sums that overflow
        ("bf16", "FP32 BF16 INT8", " (AMX)", "bf16", "computes it (AVX-512)"),
        ("int8", "FP32 BF16 INT8", "", "int8", "asked for"),
        ("fp32", "FP32 BF16 INT8", " (AMX)", "fp32", "asked for"),
    ],
)
def test_what_openvino_computes_in(asked: str, computes: str, int8: str, taken: str, reason: str) -> None:
    found, why = openvino_precision(asked, computes.split(), int8, " (AVX-512)")

    assert found == taken
    assert reason in why


def test_torch_on_a_processor_computes_in_fp32() -> None:
    assert choose("torch", here=NO_GPU).precision == "fp32"
    for precision in ("bf16", "fp16", "int8"):
        with pytest.raises(BackendError, match=r"fp32 only.*engine\.precision=fp32"):
            choose("torch", precision, here=NO_GPU)


def test_a_required_backend_is_taken_or_it_is_an_error() -> None:
    assert choose("auto", require="openvino", here=NO_GPU).backend == "openvino"
    with pytest.raises(BackendError, match=r"engine\.require=torch.*there is: openvino, torch"):
        choose("auto", require="torch", here=NO_GPU)
    with pytest.raises(
        BackendError,
        match=r"require=tensorrt, but openvino would run.* cannot run here \(no GPU: no driver\)$",
    ):
        choose("auto", require="tensorrt", here=NO_GPU)


def test_tensorrt_that_cannot_run_is_never_replaced_when_it_was_asked_for() -> None:
    with pytest.raises(BackendError, match=r"^engine\.backend=tensorrt: no GPU: no driver$"):
        choose("tensorrt", here=NO_GPU)
    with pytest.raises(BackendError, match=r"^engine\.backend=tensorrt: TensorRT is not installed"):
        choose("tensorrt", here=ONLY_TORCH)


def test_tensorrt_is_the_best_there_is(caplog: pytest.LogCaptureFixture) -> None:
    choice = choose(here=BOTH)

    assert (choice.backend, choice.precision, choice.gpu, choice.on_gpu) == ("tensorrt", "fp16", 1, True)
    assert choice.device == "a GPU"
    assert caplog.messages == []
    assert choose(precision="int8", here=BOTH).precision == "int8"
    with pytest.raises(BackendError, match="TensorRT engines are fp32, fp16 or int8"):
        choose(precision="bf16", here=BOTH)


def test_torch_takes_the_place_of_tensorrt_loudly(caplog: pytest.LogCaptureFixture) -> None:
    choice = choose(here=ONLY_TORCH)

    assert (choice.backend, choice.precision, choice.gpu, choice.on_gpu) == ("torch", "fp16", 1, True)
    for precision in ("bf16", "int8"):
        with pytest.raises(BackendError, match="torch on a GPU computes fp16 and fp32"):
            choose(precision=precision, here=ONLY_TORCH)
    assert "TAKES THE PLACE OF TENSORRT" in choice.reason
    assert "TensorRT is not installed" in choice.reason
    assert any("TAKES THE PLACE" in message for message in caplog.messages)
    with pytest.raises(
        BackendError, match=r"require=tensorrt, but torch would run.*TensorRT is not installed"
    ):
        choose(require="tensorrt", here=ONLY_TORCH)


def test_a_gpu_that_nothing_runs_on_is_said(caplog: pytest.LogCaptureFixture) -> None:
    here = GpuRuntimes((GPU,), "TensorRT is not installed", "this torch has no CUDA")
    choice = choose(here=here)

    assert choice.backend == "openvino"
    assert "a GPU is here and IS NOT USED: TensorRT is not installed; torch: this torch" in choice.reason
    assert any("IS NOT USED" in message for message in caplog.messages)


def test_how_openvino_is_spread_is_passed_on() -> None:
    choice = choose("openvino", "fp32", streams=3, mode="latency", here=NO_GPU)

    assert (choice.streams, choice.mode) == (3, "latency")
