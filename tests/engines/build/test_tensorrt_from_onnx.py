"""TensorRT engines of tiny networks, compiled here; no GPU is needed for that, but to open one."""

from __future__ import annotations

import logging
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engines.backends.tensorrt_module import RTX_PORTABLE, Tensorrt, import_tensorrt, tensorrt_flavour
from engines.build.dynamic_onnx import free_dimensions, unit_length
from engines.build.half_precision import half_precision
from engines.build.pixels import takes_pixels
from engines.build.tensorrt_facts import GpuHere, TensorrtEngineFacts, TensorrtOptions, mismatch
from engines.build.tensorrt_from_onnx import options_problem, precision_of, write_engine
from engines.build.tensorrt_profiles import Profile, profiles_for
from engines.errors import BuildError
from engines.networks.onnx_file import tensor_specs
from engines.zoo.description import InputFormat
from tests.engines.tiny import detector_onnx, embedder_onnx, weight

pytestmark = pytest.mark.skipif(
    tensorrt_flavour() == "tensorrt", reason="tensorrt builds on a GPU; tests marked gpu build with it"
)
PLANES = (Profile("x", (1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8)),)


def detector() -> ModelProto:
    return takes_pixels(free_dimensions(onnx.load_from_string(detector_onnx()), any_size=True), InputFormat())


def embedder() -> ModelProto:
    crops = unit_length(free_dimensions(onnx.load_from_string(embedder_onnx()), any_size=False))
    return takes_pixels(crops, InputFormat(mean=(127.5,) * 3, scale=(1 / 128,) * 3))


def one_node(operator: str, inputs: list[str], *weights: TensorProto, name: str = "the node") -> ModelProto:
    """Float planes `x` (n, 3, 8, 8) to `y` through this operator."""
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], name=name)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "c", "h", "w"])],
        list(weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def built(
    model: ModelProto,
    folder: Path,
    options: TensorrtOptions | None = None,
    name: str = "model.engine",
    gpu: GpuHere | None = None,
) -> TensorrtEngineFacts:
    source = folder / "model.onnx"
    onnx.save(model, str(source))
    return write_engine(source, folder / name, options or asked(model), gpu)


def asked(model: ModelProto) -> TensorrtOptions:
    return TensorrtOptions(precision_of(model), profiles_for(tensor_specs(model)[0][0]))


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow over 20 kB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize("make", [detector, embedder])
def test_a_network_of_pixels(
    make: Callable[[], ModelProto], half: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = half_precision(make()) if half else make()
    with caplog.at_level(logging.INFO):
        facts = built(model, tmp_path)

    assert facts == TensorrtEngineFacts(
        flavour="tensorrt_rtx",
        version=import_tensorrt().version,
        precision="fp16" if half else "fp32",
        profiles=profiles_for(tensor_specs(model)[0][0]),
        gpu=None,
        compute_capabilities=RTX_PORTABLE,
        version_compatible=False,
        hardware_compatible=False,
        workspace_bytes=None,
    )
    assert (tmp_path / "model.engine").stat().st_size > 10_000
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "model.engine"}
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "model.engine: tensorrt_rtx" in caplog.text


def int8_convolution(zero_point: TensorProto) -> ModelProto:
    """Planes quantised around this zero point, and a convolution of int8 weights."""
    model = one_node(
        "Conv",
        ["d", "wd"],
        numpy_helper.from_array(np.array(0.02, np.float32), "step"),
        numpy_helper.from_array(np.array(0, np.int8), "zero"),
        numpy_helper.from_array(np.full((4, 3, 1, 1), 9, np.int8), "w"),
        zero_point,
    )
    ahead = [
        helper.make_node("QuantizeLinear", ["x", "step", zero_point.name], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", zero_point.name], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "step", "zero"], ["wd"]),
    ]
    (convolution,) = model.graph.node
    del model.graph.node[:]
    model.graph.node.extend([*ahead, convolution])
    return model


def test_quantise_nodes_make_int8(tmp_path: Path) -> None:
    model = int8_convolution(numpy_helper.from_array(np.array(0, np.int8), "middle"))

    assert built(model, tmp_path, TensorrtOptions("int8", PLANES)).precision == "int8"
    assert built(half_precision(model), tmp_path, TensorrtOptions("int8", PLANES)).precision == "int8"


@pytest.mark.parametrize("middle", [np.array(128, np.uint8), np.array(5, np.int8)])
def test_int8_is_symmetric(middle: np.ndarray, tmp_path: Path) -> None:
    model = int8_convolution(numpy_helper.from_array(middle, "middle"))

    with pytest.raises(
        BuildError, match=r"node 0 \(QuantizeLinear\): .*Non-zero zero point is not supported"
    ):
        built(model, tmp_path, TensorrtOptions("int8", PLANES))


def test_compute_capabilities(tmp_path: Path) -> None:
    model = detector()
    named = replace(asked(model), compute_capabilities=("7.5", "8.9"), workspace_bytes=1 << 30)

    assert built(model, tmp_path, named).compute_capabilities == ("7.5", "8.9")
    with pytest.raises(BuildError, match=r"does not compile for compute capability 9\.0; it does for 7\.5"):
        built(model, tmp_path, replace(named, compute_capabilities=("8.9", "9.0")))


def test_what_rtx_cannot_promise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no other; set engine\.version_compatible=false"):
        built(detector(), tmp_path, replace(asked(detector()), version_compatible=True))


def test_an_engine_that_is_built_beside_a_turing_card_is_for_it(tmp_path: Path) -> None:
    card = GpuHere("T4", "7.5")
    facts = built(detector(), tmp_path, gpu=card)

    assert facts.compute_capabilities == ("7.5",)
    assert mismatch(facts, card, facts.flavour, facts.version) is None


def test_engines_of_rtx_are_hardware_compatible_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    facts = built(detector(), tmp_path, replace(asked(detector()), hardware_compatible=True))

    assert facts.hardware_compatible
    assert facts.compute_capabilities == RTX_PORTABLE
    assert caplog.messages == []


def test_rtx_times_no_kernels(tmp_path: Path) -> None:
    cache = tmp_path / "timing.cache"
    cache.write_bytes(b"another program's")
    built(detector(), tmp_path, replace(asked(detector()), timing_cache=cache))

    assert cache.read_bytes() == b"another program's"


def test_a_limit_that_is_too_low(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"^model\.onnx: tensorrt_rtx could not build it: .+"):
        built(detector(), tmp_path, replace(asked(detector()), workspace_bytes=16))
    assert not (tmp_path / "model.engine").exists()


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (one_node("Det", ["x"]), "node 0 'the node' (Det): unsupported node"),
        (
            one_node("StringNormalizer", ["x"], name=""),
            "node 0 (StringNormalizer): unsupported node; run this",
        ),
        (
            one_node("Conv", ["x", "w"], weight("w", (4, 5, 3, 3), 1)),
            "node 0 'the node' (Conv): Assertion failed: (nchan == -1",
        ),
        (
            one_node("Add", ["x", "h"], numpy_helper.from_array(np.zeros((3, 8, 8), np.float16), "h")),
            "node 0 'the node' (Add): ",
        ),
    ],
    ids=["unsupported", "unnamed", "weights that do not fit", "types that differ"],
)
def test_a_network_that_is_not_taken(model: ModelProto, why: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as raised:
        built(model, tmp_path, TensorrtOptions(precision_of(model), PLANES))

    assert str(raised.value).startswith("tensorrt_rtx does not take model.onnx: node 0 ")
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("data", [b"", b"hello", b"\x08\x08\x12\x04", embedder_onnx()[:300]])
def test_a_file_that_is_not_onnx(data: bytes, tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(data)

    with pytest.raises(BuildError, match=r"model\.onnx is not an ONNX model: "):
        write_engine(source, tmp_path / "model.engine", TensorrtOptions("fp32", PLANES))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"is not an ONNX model: .*No such file"):
        write_engine(tmp_path / "none.onnx", tmp_path / "model.engine", TensorrtOptions("fp32", PLANES))


def test_the_precision_is_the_files(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"^model\.onnx computes in fp32, not fp16"):
        built(detector(), tmp_path, replace(asked(detector()), precision="fp16"))


@pytest.mark.parametrize(
    "profiles",
    [
        (),
        (Profile("y", (1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8)),),
        (Profile("x", (1, 3, 8), (2, 3, 8), (4, 3, 8)),),
        (Profile("x", (1, 4, 8, 8), (2, 4, 8, 8), (4, 4, 8, 8)),),
    ],
    ids=["none", "of another input", "with too few axes", "against a fixed axis"],
)
def test_profiles_that_do_not_fit(profiles: tuple[Profile, ...], tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"must be of its one input|but profile 0 has 3|profile has min=4"):
        built(one_node("Relu", ["x"]), tmp_path, TensorrtOptions("fp32", profiles))
    assert not (tmp_path / "model.engine").exists()


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"cannot be written: File too large; free some space"):
        built(detector(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_an_engine_that_is_there_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "model.engine").write_bytes(b"old")
    built(detector(), tmp_path)

    assert (tmp_path / "model.engine").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["ein Modell.engine", "模型.engine", "--x;$(id).engine", "a\nb.engine"])
def test_names_of_files_do_not_matter(name: str, tmp_path: Path) -> None:
    built(detector(), tmp_path, name=name)

    assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.parametrize("name", ["gone/model.engine", "model.onnx", "model.onnx/x.engine"])
def test_places_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"cannot be written|a TensorRT engine's file ends in \.engine"):
        built(detector(), tmp_path, name=name)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "model.engine").mkdir()
    with pytest.raises(BuildError, match="cannot be written: Is a directory"):
        built(detector(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "model.engine"}


def test_tensorrt_itself_builds_where_the_gpu_is() -> None:
    trt, gpu = Tensorrt(None, "tensorrt", "11.4.0.106"), GpuHere("NVIDIA H200", "9.0")
    options = replace(asked(detector()), version_compatible=True, hardware_compatible=True)

    assert options_problem(trt, options, gpu) is None
    assert "build where the GPU is" in (options_problem(trt, options, None) or "")
    named = replace(options, compute_capabilities=("8.9",))
    assert "name no compute capabilities" in (options_problem(trt, named, gpu) or "")
