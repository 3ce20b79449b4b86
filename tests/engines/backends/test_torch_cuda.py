"""torch on a GPU: sizes, parts and shapes on the processor here, the real thing behind the gpu marker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.arrays import U8
from engines.backends.base import EngineInfo
from engines.backends.cuda.gpus import Gpu, GpusHere
from engines.backends.torch import TorchEngine
from engines.backends.torch_cuda import MOST_SHAPES, TorchCudaEngine, instead_of_tensorrt, torch_cuda_here
from engines.build.from_description import torch_network
from engines.errors import BackendError
from engines.networks.from_pixels import FromPixels
from tests.engines.tiny import detector_onnx, own_model

CARD = GpusHere((Gpu(0, "H200", "9.0", 1 << 37),), "")


def info(precision: str = "fp32") -> EngineInfo:
    return EngineInfo("torch", "a test", precision, instead_of_tensorrt("not installed"))


def load(path: Path) -> FromPixels:
    network, _, _ = torch_network(own_model(path / "tiny.onnx", detector_onnx()), path / "tiny.onnx")
    made = network()
    assert isinstance(made, FromPixels)
    return made


def engine(
    folder: Path, precision: str = "fp32", sizes: tuple[int, ...] = (), device: str = "cpu"
) -> TorchCudaEngine:
    model = own_model(folder / "tiny.onnx", detector_onnx())
    _, inputs, outputs = torch_network(model, folder / "tiny.onnx")
    return TorchCudaEngine(
        "tiny", lambda: load(folder), inputs, outputs, info(precision), sizes=sizes, device=device
    )


def reference(folder: Path) -> TorchEngine:
    model = own_model(folder / "tiny.onnx", detector_onnx())
    network, inputs, outputs = torch_network(model, folder / "tiny.onnx")
    return TorchEngine("tiny", network, inputs, outputs, info())


def images(count: int, height: int = 32, width: int = 48) -> U8:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("sizes", [(), (4,), (1, 2, 4)])
def test_batches_are_cut_and_filled_up_and_give_what_the_reference_gives(
    tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    with engine(tmp_path, sizes=sizes) as tiny, reference(tmp_path) as truth:
        for count in (1, 3, 4, 11):
            batch = {"image": images(count)}
            found, expected = tiny.infer(batch), truth.infer(batch)
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                assert found[name].dtype == np.float32
                np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-4)


def test_fp32_is_fp32_and_weights_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with engine(tmp_path, "fp16"):
        assert torch.backends.cudnn.allow_tf32
    with engine(tmp_path):
        assert not torch.backends.cudnn.allow_tf32

    network, _, _ = torch_network(own_model(tmp_path / "tiny.onnx", detector_onnx()), tmp_path / "tiny.onnx")
    first, second = network().network, network().network
    assert first is not second  # one that is closed leaves nothing on the GPU


def test_half_precision_is_near(tmp_path: Path) -> None:
    with engine(tmp_path, "fp16") as tiny, reference(tmp_path) as truth:
        batch = {"image": images(3)}
        found, expected = tiny.infer(batch), truth.infer(batch)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=2e-2 * np.abs(value).max())


def test_a_rows_bits_do_not_depend_on_its_batch(tmp_path: Path) -> None:
    with engine(tmp_path) as tiny:
        batch = images(7)
        together = tiny.infer({"image": batch})
        for row in range(7):
            alone = tiny.infer({"image": batch[row : row + 1]})
            for name, value in alone.items():
                np.testing.assert_array_equal(value[0], together[name][row])


def test_results_are_freshly_owned_and_it_opens_again(tmp_path: Path) -> None:
    tiny = engine(tmp_path)
    with tiny:
        first = tiny.infer({"image": images(1)})["heat"]
        kept = first.copy()
        tiny.infer({"image": images(1) // 2})
        np.testing.assert_array_equal(first, kept)
    with tiny:
        np.testing.assert_array_equal(tiny.infer({"image": images(1)})["heat"], kept)


def test_few_shapes_are_kept(tmp_path: Path) -> None:
    with engine(tmp_path) as tiny:
        for step in range(MOST_SHAPES + 3):
            tiny.infer({"image": images(1, 32 + 8 * step)})
        assert len(tiny._runners) == MOST_SHAPES


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="fp16 or fp32, not int8"):
        engine(tmp_path, "int8").open()
    assert torch_cuda_here(0, GpusHere((), "no NVIDIA driver")) == "no GPU: no NVIDIA driver"
    assert "there is no GPU 1" in str(torch_cuda_here(1, CARD))
    assert "TAKES THE PLACE OF TENSORRT, which cannot run here: not installed" in info().reason


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_on_a_gpu_graphs_give_what_the_reference_gives(gpu: Gpu, tmp_path: Path, precision: str) -> None:
    here = torch_cuda_here(gpu.index)
    if isinstance(here, str):
        pytest.skip(here)
    with engine(tmp_path, precision, device="cuda") as tiny, reference(tmp_path) as truth:
        for _ in range(3):
            batch = {"image": images(5)}
            found, expected = tiny.infer(batch), truth.infer(batch)
            for name, value in expected.items():
                limit = (2e-2 if precision == "fp16" else 5e-3) * float(np.abs(value).max())
                np.testing.assert_allclose(found[name], value, atol=limit)
