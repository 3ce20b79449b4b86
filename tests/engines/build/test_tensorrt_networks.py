"""The real networks as TensorRT engines, compiled here without a GPU, and what fp16 changes in what they say."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from engines.arrays import F32, U8
from engines.backends.tensorrt_module import tensorrt_flavour
from engines.build.from_description import write_model_onnx
from engines.build.half_precision import half_precision
from engines.build.tensorrt_facts import TensorrtEngineFacts, TensorrtOptions
from engines.build.tensorrt_from_onnx import write_engine
from engines.build.tensorrt_profiles import profiles_for
from engines.networks.onnx_file import tensor_specs
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch

pytestmark = pytest.mark.models

compiled = pytest.mark.skipif(
    tensorrt_flavour() == "tensorrt", reason="tensorrt builds on a GPU; tests marked gpu build with it"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue, models_dir: Path) -> Path:
    """facenet.onnx, facenet-fp16.onnx, centerface.onnx, centerface-fp16.onnx."""
    folder = tmp_path_factory.mktemp("networks")
    for name, model in (("facenet", "facenet-20180408"), ("centerface", "centerface")):
        description = catalogue.model(model)
        write_model_onnx(description, fetch(description, ModelCache(models_dir))[0], folder / f"{name}.onnx")
        half = half_precision(onnx.load(str(folder / f"{name}.onnx")))
        onnx.save(half, str(folder / f"{name}-fp16.onnx"))
    return folder


def engine(source: Path, precision: str) -> TensorrtEngineFacts:
    profiles = profiles_for(tensor_specs(onnx.load(str(source)))[0][0])
    asked = TensorrtOptions("fp16" if precision == "fp16" else "fp32", profiles)
    return write_engine(source, source.with_suffix(".engine"), asked)


def outputs(source: Path, images: U8) -> list[F32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # As the file says: an optimiser would compute several nodes in fp32 and round once.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: images}))


@compiled
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_facenet(precision: str, folder: Path) -> None:
    source = folder / ("facenet.onnx" if precision == "fp32" else "facenet-fp16.onnx")
    facts = engine(source, precision)

    assert facts.precision == precision
    assert [profile.max_shape for profile in facts.profiles] == [(64, 160, 160, 3)]
    size = source.with_suffix(".engine").stat().st_size
    assert 0.95 < size / source.stat().st_size < 1.15, "an engine is its weights and little else"


@compiled
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_centerface(precision: str, folder: Path) -> None:
    source = folder / ("centerface.onnx" if precision == "fp32" else "centerface-fp16.onnx")
    facts = engine(source, precision)

    assert facts.precision == precision
    assert [profile.opt_shape for profile in facts.profiles] == [(8, 544, 960, 3), (1, 1088, 1920, 3)]
    assert source.with_suffix(".engine").stat().st_size > source.stat().st_size


@pytest.mark.data
def test_a_face_is_the_same_person_in_fp16(folder: Path, test_data: Path) -> None:
    crops = faces(test_data / "lfw_dev.tar", 16)
    (want,), (have,) = (outputs(folder / name, crops) for name in ("facenet.onnx", "facenet-fp16.onnx"))

    assert np.abs(np.linalg.norm(have, axis=1) - 1).max() < 1e-5
    # Seen over 96 crops: 0.999997 at worst. Distances between people are decided to about 0.01.
    assert (want * have).sum(axis=1).min() > 0.99999
    assert np.abs(2 * (want @ want.T - have @ have.T)).max() < 0.01


@pytest.mark.data
def test_a_detectors_maps_are_the_same_in_fp16(folder: Path, videos: Path) -> None:
    capture = cv2.VideoCapture(str(videos / "hamilton_640x360.mp4"))
    _, frame = capture.read()
    capture.release()
    padded = np.zeros((1, 384, 640, 3), np.uint8)
    padded[0, :360] = frame[..., ::-1]

    heat, *rest = outputs(folder / "centerface.onnx", padded)
    half_heat, *half_rest = outputs(folder / "centerface-fp16.onnx", padded)

    found = heat[0, 0] > 0.3
    assert found.sum() > 0
    assert np.abs(heat - half_heat).max() < 0.02
    for want, have in zip(rest, half_rest, strict=True):
        # Logarithms of sizes in cells, offsets in cells, points in boxes: a tenth of them is less than a pixel.
        assert np.abs(want[0, :, found] - have[0, :, found]).max() < 0.1


def faces(archive: Path, count: int) -> U8:
    """Crops (count, 160, 160, 3) of as many people, from where LFW's pictures have the face."""
    crops = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith("_0001.jpg") and (file := tar.extractfile(member)) is not None:
                image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                crops.append(cv2.resize(image[58:192, 68:182, ::-1], (160, 160)))
            if len(crops) == count:
                break
    return np.stack(crops).astype(np.uint8)
