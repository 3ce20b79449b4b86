"""Everything here that can run our networks: ours in OpenVINO, and what people use otherwise."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._engines_measure import Contestant
from engines.backends.choose import Mode, Precision, choose
from engines.backends.openvino import OpenvinoEngine
from engines.build.from_description import torch_engine, write_model_onnx
from engines.errors import BackendError, BuildError
from engines.prepare import prepare
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import read_catalogue
from engines.zoo.description import ModelDescription
from engines.zoo.fetch import fetch
from pipeline.arrays import U8
from pipeline.assemble.recognition import CATALOGUE_FILE

log = logging.getLogger(__name__)

FACENET, CENTERFACE = "facenet-20180408", "centerface"
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
"""slowest first"""
MODES: tuple[Mode, ...] = ("latency", "throughput")
ALTERNATIVES = ("onnxruntime fp32", "opencv fp32", "torch fp32")


@dataclass(frozen=True, slots=True)
class OpenvinoNetwork:
    """A network that was built at one precision, to be opened in any way."""

    name: str
    precision: str
    plain: OpenvinoEngine
    """that knows its file and tensors; never opened itself"""

    def engine(self, *, threads: int = 0, streams: int = 0, mode: Mode = "throughput") -> OpenvinoEngine:
        """Not yet open."""
        known = self.plain
        return OpenvinoEngine(known.network, known.inputs, known.outputs, known.info, threads, streams, mode)


def contestant(name: str, engine: OpenvinoEngine, close: ExitStack) -> Contestant:
    """An engine, open until `close` is closed."""
    opened = close.enter_context(engine)
    (spec,) = opened.inputs
    return Contestant(name, lambda images: opened.infer({spec.name: images}))


def networks(name: str, models: Path) -> Iterator[OpenvinoNetwork]:
    """One of our networks at every precision that it can be had in here. Raises EngineError."""
    catalogue = read_catalogue(CATALOGUE_FILE)
    for precision in PRECISIONS:
        try:
            engine = prepare(name, catalogue, models, choose("openvino", precision)).engine
        except (BackendError, BuildError) as error:
            log.warning("%s %s is left out: %s", name, precision, error)
            continue
        if isinstance(engine, OpenvinoEngine) and engine.info.precision == precision:
            yield OpenvinoNetwork(name, precision, engine)


def chosen_network(name: str, models: Path) -> OpenvinoNetwork:
    """One of our networks at the precision that is chosen for this processor. Raises EngineError."""
    engine = prepare(name, read_catalogue(CATALOGUE_FILE), models, choose("openvino")).engine
    assert isinstance(engine, OpenvinoEngine)
    return OpenvinoNetwork(name, engine.info.precision, engine)


def alternatives(name: str, models: Path, folder: Path, close: ExitStack) -> Iterator[Contestant]:
    """The same network in ONNX Runtime where it is installed, OpenCV and torch, fp32 and with all cores.

    OpenCV and torch are given one image at a time, as the scripts that use them do. `folder` is for a file.
    """
    model = read_catalogue(CATALOGUE_FILE).model(name)
    source = fetch(model, ModelCache(models))[0]
    onnx = folder / f"{name}.onnx"
    write_model_onnx(model, source, onnx)
    if importlib.util.find_spec("onnxruntime") is not None:
        yield _onnxruntime(onnx)
    yield _opencv(onnx)
    yield _torch(model, source, close)


def random_images(rows: int, height: int, width: int) -> U8:
    """Pixels that no kernel can skip; what is on them does not change a network's speed."""
    return np.random.default_rng(rows).integers(0, 256, (rows, height, width, 3), np.uint8)


def _onnxruntime(onnx: Path) -> Contestant:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: it warns of every weight that a file has and no node uses
    session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    return Contestant("onnxruntime fp32", lambda images: session.run(None, {given: images}))


def _opencv(onnx: Path) -> Contestant:
    import cv2

    network = cv2.dnn.readNetFromONNX(str(onnx))
    names = network.getUnconnectedOutLayersNames()

    def run(images: U8) -> object:
        network.setInput(images)
        return network.forward(names)

    return Contestant("opencv fp32", run, one_by_one=True)


def _torch(model: ModelDescription, source: Path, close: ExitStack) -> Contestant:
    engine = close.enter_context(torch_engine(model, source, choose("torch").info))
    (spec,) = engine.inputs
    return Contestant("torch fp32", lambda images: engine.infer({spec.name: images}), one_by_one=True)
