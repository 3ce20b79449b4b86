"""What is known of a network's activations, so that its convolutions can be computed in int8: a file of statistics.

`bench quantise` makes it once, from many faces; building an engine then needs neither photos nor a package for
quantisation. It holds no weights and nothing of any one face. docs/int8.md has what was measured with it.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from engines.arrays import F32
from engines.errors import CatalogueError

VERSION = 1
MAX_BYTES = 1 << 24
"""FaceNet's has 70 kB; more is another file"""
DAMAGE = (ValueError, KeyError, TypeError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""what reading a damaged .npz raises; RuntimeError where it seems encrypted"""


@dataclass(frozen=True, slots=True)
class QuantisedLayer:
    """A convolution that is computed in int8."""

    weight: str
    """name of its weights in the ONNX model"""
    low: float
    """the least value of its input that is told apart, at most 0"""
    high: float
    """the greatest; values beyond are cut off"""
    bias: F32
    """(O,) added to its bias: what rounding the weights takes off the mean of each output channel"""

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low <= 0.0 <= self.high > self.low):
            raise ValueError(f"{self.weight}: a range must hold 0, got {self.low} to {self.high}")
        if self.bias.ndim != 1 or self.bias.dtype != np.float32 or not np.isfinite(self.bias).all():
            raise ValueError(
                f"{self.weight}: bias must be finite float32 (O,), got {self.bias.dtype} {self.bias.shape}"
            )


@dataclass(frozen=True, slots=True)
class QuantisationRecipe:
    """How a network becomes one whose convolutions are computed in int8; layers that it does not name stay float."""

    layers: tuple[QuantisedLayer, ...]
    weights_sha256: str
    """`weights_digest` of the network that it was made for: ranges of one network mean nothing to another"""
    about: str
    """the command, data and seed that it was made with, in words"""

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a recipe must name at least one layer")
        if len({layer.weight for layer in self.layers}) != len(self.layers):
            raise ValueError("a recipe must name each layer once")

    def write(self, path: Path) -> None:
        """Write it to an .npz file, whole or not at all; the same recipe gives the same bytes. Raises OSError."""
        part = path.with_name(f".{path.stem}.{os.getpid()}.part.npz")
        try:
            np.savez_compressed(
                part,
                allow_pickle=False,
                about=np.array(
                    json.dumps(
                        {"version": VERSION, "weights_sha256": self.weights_sha256, "about": self.about}
                    )
                ),
                weight=np.array([layer.weight for layer in self.layers]),
                low=np.array([layer.low for layer in self.layers]),
                high=np.array([layer.high for layer in self.layers]),
                channels=np.array([len(layer.bias) for layer in self.layers], np.int64),
                # A correction of a correction: 11 bits of it are enough, and half the file.
                bias=np.concatenate([layer.bias for layer in self.layers]).astype(np.float16),
            )
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def read_recipe(path: Path) -> QuantisationRecipe:
    """What `write` wrote. Raises CatalogueError."""
    anew = "make it anew with: python run_pipeline.py bench quantise"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            if about["version"] != VERSION:
                raise ValueError(f"it is of version {about['version']}, not {VERSION}")
            ends = np.cumsum(kept["channels"])
            biases = np.split(np.asarray(kept["bias"], np.float32), ends[:-1])
            columns = zip(kept["weight"], kept["low"], kept["high"], kept["channels"], biases, strict=True)
            layers = tuple(
                QuantisedLayer(str(weight), float(low), float(high), _of_length(bias, int(channels)))
                for weight, low, high, channels, bias in columns
            )
            return QuantisationRecipe(layers, str(about["weights_sha256"]), str(about["about"]))
    except OSError as error:
        raise CatalogueError(
            f"{path} cannot be read ({error.strerror}); bring it back, or drop `int8`"
        ) from error
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "pickle" in reason:  # what numpy takes any other file for, and it advises to trust it
            reason = "it is no .npz file"
        raise CatalogueError(f"{path} is no recipe for int8 ({reason}); {anew}") from error


def weights_digest(weights: Mapping[str, F32], names: Sequence[str]) -> str:
    """The sha256 of these weights, in this order, as little-endian float32."""
    digest = sha256()
    for name in names:
        digest.update(f"{name} {weights[name].shape} ".encode())
        digest.update(np.ascontiguousarray(weights[name], "<f4").tobytes())
    return digest.hexdigest()


def _of_length(bias: F32, length: int) -> F32:
    if len(bias) != length:
        raise ValueError(f"{length} numbers are missing a part")
    return bias
