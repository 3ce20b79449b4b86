"""The networks that benchmarks run, from models.yaml, ready to call."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engines.backends.base import TensorSpec
from engines.backends.choose import EngineChoice, choose
from engines.backends.openvino import OpenvinoEngine
from engines.prepare import prepare
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue, read_catalogue
from engines.zoo.fetch import fetch
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.detection.centerface import CenterFace
from pipeline.detection.mtcnn import Mtcnn
from pipeline.embedding.embedder import Embedder

LOW_SCORE, MAX_IOU = 0.3, 0.3
MAX_BATCH = 16
CASCADE = (
    (
        TensorSpec("input_1", ("n", "w", "h", 3)),
        (TensorSpec("conv2d_4", ("n", "cw", "ch", 4)), TensorSpec("softmax", ("n", "cw", "ch", 2))),
    ),
    (
        TensorSpec("input_2", ("n", 24, 24, 3)),
        (TensorSpec("dense_2", ("n", 4)), TensorSpec("softmax_1", ("n", 2))),
    ),
    (
        TensorSpec("input_3", ("n", 48, 48, 3)),
        (
            TensorSpec("dense_5", ("n", 4)),
            TensorSpec("dense_6", ("n", 10)),
            TensorSpec("softmax_2", ("n", 2)),
        ),
    ),
)
"""inputs and outputs of MTCNN's pnet.onnx, rnet.onnx and onet.onnx"""


@dataclass(frozen=True, slots=True)
class Networks:
    """Two detectors and the embedder."""

    centerface: CenterFace
    mtcnn: Mtcnn
    embedder: Embedder
    how: str
    """backend, precision and device, in words"""


def open_networks(models: Path, input_px: int, close: ExitStack) -> Networks:
    """Fetch and build what is missing, and open it until `close` is closed. Raises EngineError."""
    choice = choose()
    catalogue = read_catalogue(CATALOGUE_FILE)
    face = prepare("centerface", catalogue, models, choice)
    vector = prepare("facenet-20180408", catalogue, models, choice)
    embedder = Embedder(close.enter_context(vector.engine), vector.description.model_id, MAX_BATCH)
    return Networks(
        CenterFace(close.enter_context(face.engine), input_px, LOW_SCORE, MAX_IOU),
        Mtcnn(*_cascade(catalogue, models, choice, close)),
        embedder,
        f"{choice.backend} {choice.precision}, {choice.device}",
    )


def _cascade(
    catalogue: Catalogue, models: Path, choice: EngineChoice, close: ExitStack
) -> tuple[OpenvinoEngine, OpenvinoEngine, OpenvinoEngine]:
    """MTCNN's three networks, read as the ONNX files they are.

    OpenCV pads their pooling on the other side and so draws other boxes; OpenVINO and ONNX Runtime agree.
    """
    files = fetch(catalogue.model("mtcnn"), ModelCache(models))
    proposal, refinement, output = (
        close.enter_context(OpenvinoEngine(file, (source,), outputs, choice.info))
        for file, (source, outputs) in zip(files, CASCADE, strict=True)
    )
    return proposal, refinement, output
