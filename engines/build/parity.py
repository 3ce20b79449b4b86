"""How far a built engine is from the network it was built from."""

from __future__ import annotations

import numpy as np

from engines.arrays import F32, U8
from engines.backends.base import Engine
from engines.manifest import Parity
from engines.zoo.description import ModelDescription

SAMPLES = 4
MAP_MULTIPLES = 4
"""side of a detector's test image, in multiples of what its input's sides must be multiples of"""


def compare(engine: Engine, reference: Engine, inputs: U8, *, embeddings: bool) -> Parity:
    """Run both, which are open and have the same tensors, on one batch. Raises BackendError."""
    name = engine.inputs[0].name
    have = engine.infer({name: inputs})
    want = reference.infer({name: inputs})
    squared_l2 = None
    if embeddings:
        (output,) = engine.outputs
        squared_l2 = float(np.max(np.sum((have[output.name] - want[output.name]) ** 2, axis=1)))
    return Parity(
        reference=f"{reference.info.backend} {reference.info.precision}",
        samples=len(inputs),
        max_abs=max(_relative(have[spec.name], want[spec.name]) for spec in engine.outputs),
        max_squared_l2=squared_l2,
    )


def seeded_inputs(model: ModelDescription, seed: int = 0) -> U8:
    """A few smooth, coloured images (N, H, W, 3); the same every time.

    Smooth, because networks for photos answer white noise with values no photo gives.
    """
    import cv2

    assert model.input is not None
    side = model.input.side_px or MAP_MULTIPLES * model.input.multiple_px
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (SAMPLES, 8, 8, 3)).astype(np.float32)
    images = np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in coarse])
    return np.asarray(np.clip(images, 0, 255), dtype=np.uint8)


def _relative(have: F32, want: F32) -> float:
    return float(np.max(np.abs(have - want)) / max(float(np.max(np.abs(want))), 1e-9))
