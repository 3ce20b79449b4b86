"""An ONNX file as OpenVINO's own representation: a small .xml with the graph and a .bin with the weights.

It is read in a third of the time that the ONNX file takes, and compiling it takes 0.2 s for FaceNet, so that
a cache of compiled networks, which holds for one processor and release only, is not worth its 100 MB.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from engines.backends.openvino_module import import_openvino, openvino_core
from engines.errors import BuildError


def write_openvino(onnx: Path, path: Path) -> None:
    """Write `path` (.xml) and its .bin, with weights in fp32: precision is chosen when the network is opened.

    Raises BuildError where OpenVINO does not take the file.
    """
    openvino = import_openvino()
    try:
        network = openvino_core().read_model(onnx)
    except RuntimeError as error:
        raise BuildError(
            f"OpenVINO does not take {onnx.name}: {str(error).strip().splitlines()[-1]}"
        ) from error
    try:
        openvino.save_model(network, path, compress_to_fp16=False)
    except RuntimeError as error:
        # OpenVINO's own words for a full disk are "iostream error".
        free = shutil.disk_usage(path.parent).free // 10**6
        raise BuildError(
            f"OpenVINO cannot write {path}: {str(error).strip().splitlines()[-1]}; {free} MB are free there"
        ) from error
