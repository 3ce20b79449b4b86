"""The frozen graph's weights in torch give what OpenCV's own run of that graph gives."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines.arrays import F32
from engines.errors import ModelFileError
from engines.networks.weights import load_facenet
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch


@pytest.fixture(scope="module")
def graph(catalogue: Catalogue, models_dir: Path) -> Path:
    return fetch(catalogue.model("facenet-20180408"), ModelCache(models_dir))[0]


def opencv_vectors(graph: Path, crops: F32) -> F32:
    """(N, 512) one crop at a time, brought to unit length."""
    net = cv2.dnn.readNetFromTensorflow(str(graph))
    rows = []
    for crop in crops:
        net.setInput(crop[None])
        rows.append(net.forward().ravel())
    vectors = np.stack(rows).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.models
def test_torch_agrees_with_opencv(graph: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 160, 160)).astype(np.float32)
    crops = (pixels - np.float32(127.5)) / np.float32(128)

    with torch.inference_mode():
        have = load_facenet(graph)(torch.from_numpy(crops)).numpy()

    assert np.abs(have - opencv_vectors(graph, crops)).max() < 1e-6


@pytest.mark.parametrize("data", [b"", b"something else", b"\x0a" * 100])
def test_what_is_not_the_graph(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "graph.pb").write_bytes(data)

    with pytest.raises(ModelFileError, match=r"graph\.pb"):
        load_facenet(tmp_path / "graph.pb")
