"""Every kernel compiles for every kind of GPU that the project names, without a GPU."""

from __future__ import annotations

import re

import pytest

from engines.backends.cuda.kernels.compile import FOLDER, NAMES, cubin, nvrtc_version, source
from engines.errors import BuildError
from tests.fake_gpus import promised

CAPABILITIES = ("7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0")


@pytest.fixture
def nvrtc() -> None:
    """NVRTC is there, or the test is skipped unless it is promised."""
    if nvrtc_version() is None and not promised("nvrtc"):
        pytest.skip("NVRTC is not installed (nvidia-cuda-nvrtc)")


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_every_kernel_compiles(capability: str) -> None:
    for name in NAMES:
        code = cubin(name, capability)

        assert code.startswith(b"\x7fELF")
        assert name.encode() in code  # its entry, by the name that launch asks for


@pytest.mark.usefixtures("nvrtc")
def test_a_gpu_that_nvrtc_does_not_know_is_named() -> None:
    with pytest.raises(BuildError, match=r"not for sm_20; pip install nvidia-cuda-nvrtc --upgrade"):
        cubin("rgb", "2.0")


@pytest.mark.usefixtures("nvrtc")
def test_a_kernel_that_does_not_compile_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "engines.backends.cuda.kernels.compile.source", lambda _: "__global__ void f() { g(); }"
    )

    with pytest.raises(BuildError, match=r"kernel broken: broken.cu\(1\): error: .*\"g\""):
        cubin("broken", "9.0")


def test_without_nvrtc_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.backends.cuda.kernels.compile._library", lambda: None)

    assert nvrtc_version() is None
    with pytest.raises(BuildError, match="pip install nvidia-cuda-nvrtc"):
        cubin("rgb", "9.9")


def test_a_file_has_one_kernel_of_its_name() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.cu")) == sorted(NAMES)
    for name in NAMES:
        assert re.findall(r"__global__ void (\w+)", source(name)) == [name]
        assert re.findall(r"HOST_KERNEL\((\w+)\)", source(name)) == [name]
