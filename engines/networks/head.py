"""A linear layer that stands in place of FaceNet's own last one, and the small file that it lives in.

The network's trunk gives 1792 numbers a face; its own last layer makes 512 of them a vector. A head is another such
layer, of any dimension D, trained on the frozen trunk: v = (W x + b) / |W x + b|. `train --network head` makes the
file: safetensors with `weight` (D, 1792) and `bias` (D,) in float16, half the bytes of float32 and squared distances
at most 1.4e-4 off, and in the file's header how it came to be.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.numpy import save
from torch import Tensor, nn
from torch.nn import functional as F

from engines.arrays import F32
from engines.errors import CatalogueError
from engines.networks.inception_resnet_v1 import InceptionResnetV1

FEATURES = 1792
"""numbers of the trunk, averaged over its 3x3 grid"""
VERSION = 1
MAX_BYTES = 1 << 24
"""of a file; one of 512 dimensions has 1.8 MB"""
ANEW = "make it anew with: python run_pipeline.py train PEOPLE --network head"


@dataclass(frozen=True, slots=True)
class HeadOrigin:
    """How a head came to be; it goes wherever the weights go."""

    model: str
    """name in models.yaml of the model whose trunk it was trained on"""
    weights_sha256: str
    """of that model's file"""
    command: str
    data: str
    """the sets it was trained on, and the part of their people"""
    seed: int
    held_out: str
    """the figures on people who were not in training, in words"""

    def __post_init__(self) -> None:
        for name in ("model", "weights_sha256", "command", "data", "held_out"):
            if type(value := getattr(self, name)) is not str:
                raise ValueError(f"{name} must be a text, got {value!r}")
        if type(self.seed) is not int:
            raise ValueError(f"seed must be a whole number, got {self.seed!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear layer from the trunk's features to a vector. Its numbers are such as float16 holds."""

    weight: F32
    """(D, 1792)"""
    bias: F32
    """(D,)"""
    origin: HeadOrigin

    def __post_init__(self) -> None:
        dimension = len(self.bias) if self.bias.ndim == 1 else 0
        for name, value, shape in (
            ("weight", self.weight, (dimension, FEATURES)),
            ("bias", self.bias, (dimension,)),
        ):
            if value.dtype != np.float32 or value.shape != shape or not dimension:
                raise ValueError(
                    f"{name} must be float32 {'(D, 1792)' if name == 'weight' else '(D,)'}, "
                    f"got {value.dtype} {value.shape}"
                )
            if not np.isfinite(value).all():
                raise ValueError(f"{name} must be finite")

    @property
    def dimension(self) -> int:
        """D, the length of its vectors."""
        return len(self.bias)

    def vectors(self, features: F32) -> F32:
        """Vectors (N, D) of unit length for the trunk's features (N, 1792)."""
        found = features @ self.weight.T + self.bias
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    def write(self, path: Path) -> None:
        """Write its file, whole or not at all; the same head gives the same bytes. Raises OSError."""
        # One entry, since the library writes several in any order.
        about = json.dumps({"version": VERSION, **asdict(self.origin)}, ensure_ascii=False)
        arrays = {"weight": self.weight.astype(np.float16), "bias": self.bias.astype(np.float16)}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            part.write_bytes(save(arrays, metadata={"head": about}))
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def make_head(weight: F32, bias: F32, origin: HeadOrigin) -> Head:
    """The head of a trained layer: scaled, which changes no vector, and rounded to what float16 holds.

    The largest weight becomes 1, so that the small ones are not lost.
    """
    scale = 1.0 / float(np.abs(weight).max())
    return Head(_rounded(scale * weight), _rounded(scale * bias), origin)


def read_head(path: Path, dimension: int | None = None, weights_sha256: str | None = None) -> Head:
    """What `write` wrote. Raises CatalogueError where it is no head, or not of this dimension and these weights.

    Args:
        dimension: the model's, D; None: any.
        weights_sha256: of the file that holds the trunk; None: any.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
        head = _parse(path.read_bytes())
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read ({error.strerror}); bring it back, or {ANEW}") from error
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CatalogueError(f"{path} is no head ({reason}); {ANEW}") from error
    if dimension is not None and head.dimension != dimension:
        raise CatalogueError(
            f"{path}: a head of {head.dimension} dimensions, and models.yaml says {dimension}; correct `dimension`"
        )
    if weights_sha256 is not None and head.origin.weights_sha256 != weights_sha256:
        raise CatalogueError(
            f"{path}: trained on {head.origin.model} with weights {head.origin.weights_sha256[:12]}, "
            f"and this model's are {weights_sha256[:12]}; name that model's files, or {ANEW}"
        )
    return head


def _rounded(values: F32) -> F32:
    return np.asarray(values, np.float16).astype(np.float32)


def _parse(data: bytes) -> Head:
    """Raises SafetensorError, ValueError, TypeError, KeyError."""
    arrays = safetensors.numpy.load(data)
    length = int.from_bytes(data[:8], "little")
    about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["head"])
    if about.pop("version") != VERSION:
        raise ValueError(f"not of version {VERSION}")
    weight, bias = (np.asarray(arrays[name]) for name in ("weight", "bias"))
    if {weight.dtype, bias.dtype} != {np.dtype(np.float16)}:
        raise ValueError(f"its numbers are {weight.dtype} and {bias.dtype}, not float16")
    return Head(weight.astype(np.float32), bias.astype(np.float32), HeadOrigin(**about))


class HeadedFacenet(InceptionResnetV1):
    """FaceNet's trunk with a head. Its convolutions keep their names, so that what is known of them still fits."""

    def __init__(self, facenet: InceptionResnetV1, head: Head) -> None:
        """It shares the convolutions of `facenet`."""
        super().__init__()
        del self.bottleneck, self.batch_norm
        for name, child in facenet.named_children():
            if name in dict(self.named_children()):
                setattr(self, name, child)
        self.head = nn.Linear(FEATURES, head.dimension)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(head.weight))
            self.head.bias.copy_(torch.from_numpy(head.bias))
        self.head.requires_grad_(False)
        self.train(facenet.training)

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, D) of unit length for crops (N, 3, 160, 160), RGB, standardised."""
        return F.normalize(self.head(self.features(crops)), dim=1)
