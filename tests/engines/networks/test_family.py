"""Every member: found by its name, of the paper's cost, and exported and built into an engine like the default."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engines.arrays import U8
from engines.backends.base import TensorSpec
from engines.backends.choose import EngineChoice
from engines.backends.tensorrt_module import tensorrt_flavour
from engines.build.from_description import torch_engine, write_model_onnx
from engines.build.network_files import openvino_engine
from engines.build.onnx_from_torch import write_onnx
from engines.build.tensorrt_facts import TensorrtOptions
from engines.build.tensorrt_from_onnx import write_engine
from engines.build.tensorrt_profiles import profiles_for
from engines.errors import CatalogueError
from engines.networks.counting import counted
from engines.networks.family import MEMBERS, Member, member
from engines.networks.onnx_file import read_onnx, tensor_specs
from engines.networks.zeiler_fergus import NN1
from engines.zoo.description import ModelDescription

DIMENSION = 16
FP32 = EngineChoice("openvino", "fp32", 1, "this processor", "a test")


def network_of(which: Member) -> nn.Module:
    """With weights of chance; NN1 with narrow fully connected layers, since 140M parameters are 560 MB."""
    torch.manual_seed(0)
    make = partial(NN1, maxout=32) if which.name == "nn1" else which.make
    return make(DIMENSION).eval()


def exported(which: Member, network: nn.Module, folder: Path) -> ModelDescription:
    """The network as an ONNX file, described as models.yaml would describe it."""
    path = folder / f"{which.name}.onnx"
    crops = TensorSpec("crops", ("n", 3, which.side_px, which.side_px))
    write_onnx(network, crops, TensorSpec("vectors", ("n", DIMENSION)), path)
    return ModelDescription.model_validate(
        {
            "name": which.name,
            "role": "embedding",
            "model_id": which.name,
            "network": "onnx",
            "licence": "none",
            "terms": "weights of chance",
            "path": path,
            "files": [{"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}],
            "input": which.input,
            "dimension": DIMENSION,
        }
    )


def crops_for(which: Member) -> U8:
    """Three seeded patterns, coarse enough that a network tells them apart."""
    coarse = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    times = -(-which.side_px // 4)
    return coarse.repeat(times, axis=1).repeat(times, axis=2)[:, : which.side_px, : which.side_px].copy()


@pytest.mark.parametrize("which", MEMBERS, ids=lambda each: each.name)
def test_it_becomes_an_engine_like_the_default(which: Member, tmp_path: Path) -> None:
    network = network_of(which)
    model = exported(which, network, tmp_path)
    assert model.path is not None
    write_model_onnx(model, model.path, tmp_path / "pixels.onnx")
    specs = tensor_specs(read_onnx(tmp_path / "pixels.onnx"))
    crops = crops_for(which)
    with torch.inference_mode():
        planes = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.5) / 128.0
        want = network(planes).numpy()

    with openvino_engine(tmp_path / "pixels.onnx", *specs, FP32) as engine:
        have = engine.infer({"crops": crops})["vectors"]
        alone = engine.infer({"crops": crops[1:2]})["vectors"]
    with torch_engine(model, model.path, FP32.info) as reference:
        held_to = reference.infer({"crops": crops})["vectors"]

    assert specs[0][0].shape == ("n", which.side_px, which.side_px, 3)
    # Far below how far apart the crops are, which weights of chance do not take far.
    apart = min(np.abs(want[a] - want[b]).max() for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > 1e-3
    np.testing.assert_allclose(have, want, atol=5e-6)
    np.testing.assert_allclose(held_to, want, atol=5e-6)
    np.testing.assert_allclose(np.linalg.norm(have, axis=1), 1.0, atol=1e-6)
    # A replay must not depend on who else is in the batch.
    assert np.array_equal(alone[0], have[1])


@pytest.mark.skipif(
    tensorrt_flavour() == "tensorrt", reason="tensorrt builds on a GPU; tests marked gpu build with it"
)
@pytest.mark.parametrize("name", ["nn2", "nns2"])
def test_tensorrt_compiles_it(name: str, tmp_path: Path) -> None:
    which = member(name)
    model = exported(which, network_of(which), tmp_path)
    assert model.path is not None
    pixels = tmp_path / "pixels.onnx"
    write_model_onnx(model, model.path, pixels)
    profiles = profiles_for(tensor_specs(read_onnx(pixels))[0][0])

    write_engine(pixels, tmp_path / "model.engine", TensorrtOptions("fp32", profiles))

    assert (tmp_path / "model.engine").stat().st_size > 0.9 * pixels.stat().st_size


@pytest.mark.parametrize("which", [each for each in MEMBERS if each.paper], ids=lambda each: each.name)
def test_size_and_cost_beside_the_papers(which: Member) -> None:
    assert which.paper is not None
    with torch.device("meta"):
        have = counted(which.make(128), which.side_px)

    if which.paper.parameters is not None:
        assert have.parameters == pytest.approx(which.paper.parameters, rel=0.05)
    assert which.paper.multiply_adds is not None
    low, high = which.paper.multiply_adds
    assert 0.95 * low < have.multiply_adds < 1.05 * high


def test_the_paper_ranks_them_by_val() -> None:
    vals = {each.name: each.paper.val for each in MEMBERS if each.paper}

    assert sorted(vals, key=lambda name: -(vals[name] or 0)) == ["nn2", "nn3", "nn1", "nns1", "nn4", "nns2"]


def test_a_member_by_name() -> None:
    assert member("nns2").side_px == 140
    assert len({each.name for each in MEMBERS}) == len(MEMBERS) == 8


@pytest.mark.parametrize(("name", "meant"), [("nns3", "; did you mean nns2?"), ("resnet9000", "")])
def test_an_unknown_member_is_refused_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(
        CatalogueError, match=f"no network '{name}'.*known: inception-resnet-v1, nn1"
    ) as caught:
        member(name)

    assert "did you mean" in str(caught.value) or not meant
    assert caught.value.exit_code == 2
