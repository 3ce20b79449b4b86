"""Weights of the frozen FaceNet graph, read by OpenCV so that TensorFlow is not needed.

`cv2.dnn` reads graph_final.pb and hands out the blobs of each layer: convolutions as (O, I, H, W) and (O,),
the bottleneck as (512, 1792), and its batch norm as mean, variance and offset (512,) each: the graph has
no scale there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.errors import ModelFileError
from engines.networks.inception_resnet_v1 import GRAPH, Convolution, InceptionResnetV1

BOTTLENECK = f"{GRAPH}Bottleneck/MatMul"
BATCH_NORM = f"{GRAPH}Bottleneck/BatchNorm/cond/FusedBatchNorm_1"


def load_facenet(graph: Path) -> InceptionResnetV1:
    """The network with the weights of this frozen graph, ready to infer.

    Raises ModelFileError where the file is not a graph, lacks a layer or has one of another shape.
    """
    try:
        net = cv2.dnn.readNetFromTensorflow(str(graph))
    except cv2.error as error:
        raise ModelFileError(f"{graph} is not a TensorFlow graph: {error.err}; fetch it anew") from error
    network = InceptionResnetV1().eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, Convolution):
            assert module.bias is not None
            _copy(graph, module.layer, _blobs(net, graph, module.layer), (module.weight, module.bias))
    _copy(graph, BOTTLENECK, _blobs(net, graph, BOTTLENECK), (network.bottleneck.weight,))
    norm = network.batch_norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    _copy(graph, BATCH_NORM, _blobs(net, graph, BATCH_NORM), (norm.running_mean, norm.running_var, norm.bias))
    return network


def _blobs(net: cv2.dnn.Net, graph: Path, layer: str) -> Sequence[NDArray[np.float32]]:
    try:
        return [np.asarray(blob, dtype=np.float32) for blob in net.getLayer(layer).blobs]
    except cv2.error as error:
        raise ModelFileError(f"{graph} has no layer {layer}; it is another network's graph") from error


def _copy(
    graph: Path, layer: str, blobs: Sequence[NDArray[np.float32]], targets: Sequence[torch.Tensor]
) -> None:
    """Copy blobs into parameters of the same sizes, one by one."""
    have = [blob.size for blob in blobs]
    want = [target.numel() for target in targets]
    if have != want:
        raise ModelFileError(f"{graph}: layer {layer} has blobs of {have} values, expected {want}")
    for blob, target in zip(blobs, targets, strict=True):
        target.copy_(torch.from_numpy(blob.reshape(tuple(target.shape)).copy()))
