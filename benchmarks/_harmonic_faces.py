"""What two depths of FaceNet's trunk make of real faces: the features of an old model and of a new one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.arrays import F32, I64, U8
from engines.backends.base import TensorSpec
from engines.backends.openvino_module import openvino_core
from engines.build.onnx_from_torch import write_onnx
from engines.build.pixels import takes_pixels
from engines.evaluation.held_out import video_numbers
from engines.networks.inception_resnet_v1 import InceptionResnetV1
from engines.networks.weights import load_facenet
from engines.training.split import split_people
from engines.zoo.catalogue import read_catalogue
from pipeline.assemble.recognition import CATALOGUE_FILE, open_recognition
from pipeline.capture.photo_set import open_photo_set
from pipeline.commands.context import Context
from pipeline.commands.evaluations.faces import SeenFace, seen_faces
from pipeline.commands.output import model_progress

MODEL = "facenet-20180408"
SETS = ("lfw_view2.tar", "lfw_dev.tar", "ytf_frames.tar")
MIDDLE, WHOLE = 896, 1792
"""features half-way, behind the last of block17, and at the end"""
BATCH = 16


class TwoDepths(nn.Module):
    """Pooled features of the middle and of the end of the trunk, side by side."""

    def __init__(self, network: InceptionResnetV1) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 896 + 1792) for crops (N, 3, 160, 160), standardised."""
        its = self.network
        x = its.conv_2b(its.conv_2a(its.conv_1a(crops)))  # (N, 64, 77, 77)
        x = F.max_pool2d(x, 3, stride=2)  # (N, 64, 38, 38)
        x = its.conv_4b(its.conv_4a(its.conv_3b(x)))  # (N, 256, 17, 17)
        x = its.repeat_1(its.mixed_6a(its.repeat(x)))  # (N, 896, 8, 8)
        middle = x.mean(dim=(2, 3))  # (N, 896)
        x = its.block8(its.repeat_2(its.mixed_7a(x)))  # (N, 1792, 3, 3)
        return torch.cat([middle, x.mean(dim=(2, 3))], dim=1)  # (N, 896 + 1792)


@dataclass(frozen=True, slots=True, eq=False)
class TwoDepthFaces:
    """Faces, and what both depths make of them; row i everywhere the same photo."""

    middle: F32
    """(N, 896)"""
    whole: F32
    """(N, 1792)"""
    names: tuple[str, ...]
    """(N,) of the people"""
    groups: tuple[str, ...]
    """(N,) of the videos that frames are of; the person's name where it is a photo"""

    def save(self, path: Path) -> None:
        """As an uncompressed npz. Raises OSError."""
        names, groups = np.array(self.names), np.array(self.groups)
        with path.open("wb") as file:
            np.savez(file, middle=self.middle, whole=self.whole, names=names, groups=groups)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote. Raises OSError, ValueError, KeyError."""
        with np.load(path, allow_pickle=False) as its:
            names, groups = its["names"].tolist(), its["groups"].tolist()
            return cls(its["middle"], its["whole"], tuple(names), tuple(groups))

    @property
    def people(self) -> I64:
        """(N,) numbers."""
        return np.unique(np.array(self.names), return_inverse=True)[1].astype(np.int64)

    @property
    def videos(self) -> I64:
        """(N,) numbers, -1 for a photo."""
        return video_numbers(self.names, self.groups)

    def rows_of(self, part: str) -> I64:
        """Rows of the people who are for `train`, `validation` or `test`."""
        chosen: frozenset[str] = getattr(split_people(self.names), part)
        return np.flatnonzero(np.isin(np.array(self.names), sorted(chosen))).astype(np.int64)


def describe(context: Context, folder: Path) -> TwoDepthFaces:
    """All faces of the sets in a folder, cut as the product cuts them. Raises SourceError, EngineError."""
    parts: list[F32] = []
    names: list[str] = []
    groups: list[str] = []
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        features = open_depths(context.models)
        for name in SETS:
            faces = seen_faces(context, recognition, open_photo_set(folder / name))
            for batch in _batches(faces):
                parts.append(features(np.stack([each.crop for each in batch])))
                names += [each.entry.person for each in batch]
                groups += [each.entry.group for each in batch]
    both = np.concatenate(parts)
    return TwoDepthFaces(both[:, :MIDDLE].copy(), both[:, MIDDLE:].copy(), tuple(names), tuple(groups))


class Depths:
    """Both depths in OpenVINO, float32."""

    def __init__(self, path: Path) -> None:
        core = openvino_core()
        hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        self._request = core.compile_model(core.read_model(path), "CPU", hints).create_infer_request()

    def __call__(self, crops: U8) -> F32:
        """(N, 896 + 1792) of crops (N, 160, 160, 3)."""
        return np.array(self._request.infer({0: crops})[0], np.float32)


def open_depths(models: Path) -> Depths:
    """The default embedder's trunk, which must be fetched. Raises EngineError."""
    model = read_catalogue(CATALOGUE_FILE).model(MODEL)
    assert model.input is not None
    network = TwoDepths(load_facenet(models / MODEL / model.files[0].file_name))
    crops, features = TensorSpec("crops", ("n", 3, 160, 160)), TensorSpec("features", ("n", MIDDLE + WHOLE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "depths.onnx"
        write_onnx(network, crops, features, path)
        onnx.save(takes_pixels(onnx.load(path), model.input), path)
        return Depths(path)


def _batches(faces: Iterator[SeenFace]) -> Iterator[list[SeenFace]]:
    while batch := list(islice(faces, BATCH)):
        yield batch
