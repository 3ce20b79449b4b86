"""Which backend runs, and why."""

from __future__ import annotations

import pytest

from engines.backends.choose import available_backends, choose
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
