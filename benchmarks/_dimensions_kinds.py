"""The vectors that are compared: the original's, principal components, heads trained by triplets, and all as bytes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks._dimensions_faces import TrunkFaces
from engines.arrays import F32
from engines.centre import read_centre
from engines.networks.head import read_head
from engines.training.head import STEPS, begin
from engines.training.head_network import HeadNetwork
from engines.training.layer import Layer
from engines.training.loop import train
from engines.training.principal_components import shortened
from engines.training.validation import validate_on
from engines.zoo.catalogue import read_catalogue
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.commands.context import Context
from pipeline.commands.training.learners import Limit, network_of, settings_of, source_of
from pipeline.embedding.embedder import unit_length
from pipeline.gallery.int8_grid import to_grid

ORIGINAL = "original, centre taken off"
SHIPPED = "facenet-128"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Vectors of the test people's faces."""

    name: str
    vectors: F32
    """(T, D) unit length"""
    in_bytes: bool = False
    """whether a byte keeps each number"""
    seconds: float = 0.0
    """of training"""


def kinds(
    context: Context, trunk: TrunkFaces, dimensions: Sequence[int], steps: int | None
) -> Iterator[Kind]:
    """All that is compared, the original first. Raises EngineError."""
    faces, parts = trunk.parted.faces, trunk.parted.parts
    yield Kind(ORIGINAL, original(trunk))
    yield Kind("original, as the product gives it", faces.vectors[parts.test])
    for dimension in dimensions:
        layer = shortened(trunk.last_layer, trunk.features[parts.train], faces.people[parts.train], dimension)
        yield from _both("principal components", layer.vectors(trunk.test_features), 0.0)
    for dimension in dimensions:
        begun = time.perf_counter()
        layer = trained(context, trunk, dimension, steps)
        seconds = time.perf_counter() - begun
        yield from _both("triplets", layer.vectors(trunk.test_features), seconds)
    shipped = read_catalogue(CATALOGUE_FILE).model(SHIPPED)
    if shipped.head is not None:
        head = read_head(shipped.head, shipped.dimension, trunk.model.files[0].sha256)
        yield from _both(SHIPPED, head.vectors(trunk.test_features), 0.0)


def original(trunk: TrunkFaces) -> F32:
    """The trunk's own vectors (T, 512) at fp32, with the model's centre taken off as the product does."""
    vectors = trunk.last_layer.vectors(trunk.test_features)
    if trunk.model.centre is None:
        return vectors
    return unit_length(vectors - read_centre(trunk.model.centre, vectors.shape[1]))


def trained(context: Context, trunk: TrunkFaces, dimension: int, steps: int | None) -> Layer:
    """A head trained on the training people, as `train --network head` does it."""
    faces, parts = trunk.parted.faces, trunk.parted.parts
    run = replace(trunk.parted.run, dimension=dimension)
    network = network_of(run)
    assert isinstance(network, HeadNetwork)
    source, plain, choosing = (
        source_of(context, run, faces, part, changed=changed)
        for part, changed in (
            (parts.train, True),
            (parts.train, False),
            (parts.validation, False),
        )
    )
    begin(network, trunk.last_layer, plain.plain(np.arange(len(plain.people))).numpy(), plain.people)
    settings = settings_of(context, run, Limit(None, steps or STEPS))
    with tempfile.TemporaryDirectory() as folder:
        train(network, source, settings, Path(folder) / "run", validate=validate_on(choosing))
    weight, bias = network.numbers()
    return Layer(weight, bias)


def _both(name: str, vectors: F32, seconds: float) -> Iterator[Kind]:
    """As floats, and as bytes."""
    yield Kind(name, vectors, False, seconds)
    yield Kind(f"{name}, as bytes", to_grid(vectors), True, seconds)
