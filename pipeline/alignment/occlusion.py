"""How much of a face is covered: a small network that predicts what the cover costs the face's vector.

It looks at the crop in 32 x 32 pixels and was taught, on photos of LFW's dev people with painted covers, the
squared L2 distance that a cover adds (`bench occlusion`; docs/quality.md has the figures). Three convolutions and
two dense layers, 30,000 numbers, run by numpy: a runtime would take longer to call than this takes to run.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.arrays import F32, U8, check_array
from pipeline.errors import BadInputError

WEIGHTS_FILE = Path(__file__).resolve().parents[2] / "config" / "statistics" / "occlusion.npz"
SHRUNK_PX = 36
"""a crop is brought to this side"""
INPUT_PX = 32
"""and its middle looked at: the outermost pixels are not the face's"""
STRIDES = (2, 1, 2)
"""of the convolutions"""
EVEN = 8.0
"""grey levels added to the deviation, so that an even crop's noise is not blown up"""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution without padding, or a dense layer, whose kernel is 1."""

    weight: F32
    """(K, O), K = kernel * kernel * inputs"""
    bias: F32
    """(O,)"""
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True)
class OcclusionNet:
    """Layers with a ramp between them."""

    convolutions: tuple[Layer, ...]
    dense: tuple[Layer, ...]
    sha256: str
    """of the file of weights"""

    def cost(self, crops: U8) -> F32:
        """Predicted squared L2 distance (N,) that covers add to the vectors of crops (N, S, S, 3), about 0 to 1.3.

        One crop after the other, so that a crop's prediction does not depend on what it is in a batch with.
        """
        check_array("crops", crops, np.uint8, ("N", "S", "S", 3))
        return np.array([self._cost(normalised(shrunk(crop))) for crop in crops], np.float32)

    def cost_of_small(self, small: U8) -> F32:
        """The same (N,) of crops that are shrunk already (N, 36, 36, 3)."""
        return np.array([self._cost(normalised(each)) for each in small], np.float32)

    def _cost(self, pixels: F32) -> float:
        maps = pixels  # (32, 32, 3) -> (14, 14, 12) -> (12, 12, 24) -> (5, 5, 32)
        for layer in self.convolutions:
            maps = _ramp(_convolve(maps, layer))
        values = maps.transpose(2, 0, 1).reshape(1, -1)  # (1, 800) -> (1, 24) -> (1, 1)
        *hidden, last = self.dense
        for layer in hidden:
            values = _ramp(values @ layer.weight + layer.bias)
        return float((values @ last.weight + last.bias)[0, 0])


@cache
def shipped_net() -> OcclusionNet:
    """The network that ships, read once. Raises BadInputError where its file is missing or broken."""
    return read_net(WEIGHTS_FILE)


def read_net(path: Path) -> OcclusionNet:
    """Read what `bench occlusion --fit` wrote. Raises BadInputError."""
    try:
        data = path.read_bytes()
        with np.load(BytesIO(data), allow_pickle=False) as kept:
            convolutions = tuple(
                _layer(kept[f"convolution{at}.weight"], kept[f"convolution{at}.bias"], stride)
                for at, stride in enumerate(STRIDES)
            )
            dense = tuple(_layer(kept[f"dense{at}.weight"], kept[f"dense{at}.bias"], 1) for at in range(2))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{path}: no weights of the occlusion network; bring the file back, or make it with: "
            "python run_pipeline.py bench occlusion --fit"
        ) from error
    return OcclusionNet(convolutions, dense, sha256(data).hexdigest())


def shrunk(crop: U8) -> U8:
    """A crop (S, S, 3) at SHRUNK_PX."""
    return np.asarray(cv2.resize(crop, (SHRUNK_PX, SHRUNK_PX), interpolation=cv2.INTER_AREA), np.uint8)


def normalised(small: U8) -> F32:
    """The middle (32, 32, 3) of a shrunk crop, without its mean brightness and contrast."""
    edge = (SHRUNK_PX - INPUT_PX) // 2
    pixels = small[edge:-edge, edge:-edge].astype(np.float32)
    grey = pixels @ np.full(3, 1 / 3, np.float32)
    return np.asarray((pixels - grey.mean()) / (grey.std() + np.float32(EVEN)), np.float32)


def _layer(weight: np.ndarray, bias: np.ndarray, stride: int) -> Layer:
    """From torch's order, weight (O, I, k, k) or (O, I), to that of maps, where a pixel's inputs lie together."""
    kernel = weight.shape[-1] if weight.ndim == 4 else 1
    flat = np.moveaxis(weight, 1, -1).reshape(len(weight), -1).T
    return Layer(np.ascontiguousarray(flat, dtype=np.float32), bias.astype(np.float32), kernel, stride)


def _convolve(maps: F32, layer: Layer) -> F32:
    """Maps (H, W, I) through a convolution: (H', W', O)."""
    windows = sliding_window_view(maps, (layer.kernel, layer.kernel), axis=(0, 1))
    windows = windows[:: layer.stride, :: layer.stride].transpose(0, 1, 3, 4, 2)  # (H', W', k, k, I)
    height, width = windows.shape[:2]
    # Row by row: a larger product would be shared among threads, which wait longer than it takes.
    return np.asarray(windows.reshape(height, width, -1) @ layer.weight + layer.bias, np.float32)


def _ramp(values: F32) -> F32:
    return np.maximum(values, np.float32(0.0))
