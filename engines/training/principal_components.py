"""The plain way to shorter vectors: the principal components of a layer's outputs, as a layer themselves.

Nothing is learnt of who is who. The directions in which many different people's vectors spread most are kept, and
the mean is taken off, so that strangers point in no common direction (engines/centre.py). Both are linear, so trunk,
layer and components are one layer again.
"""

from __future__ import annotations

import numpy as np

from engines.arrays import F32, F64, I64
from engines.errors import TrainingError
from engines.training.layer import Layer


def shortened(layer: Layer, inputs: F32, people: I64, dimension: int) -> Layer:
    """The layer (D', F) followed by the first `dimension` principal components of its outputs.

    Args:
        inputs: (N, F) that directions are measured on, of training people alone.
        people: (N,) who they are of; everybody counts once, by the first row.

    Outputs have length 1 on average. Raises TrainingError where the layer has fewer outputs than `dimension`, or
    where there are not more people than that.
    """
    firsts = np.unique(people, return_index=True)[1]
    if dimension > len(layer.bias):
        raise TrainingError(
            f"{dimension} dimensions of a layer that has {len(layer.bias)}; ask for at most as many"
        )
    if len(firsts) <= dimension:
        raise TrainingError(
            f"{dimension} principal components need more people than that, got {len(firsts)}; give more, or ask for "
            "fewer dimensions"
        )
    outputs = layer.outputs(inputs[firsts]).astype(np.float64)
    mean = outputs.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(outputs, rowvar=False))
    kept = _same_sides(axes[:, ::-1][:, :dimension].T)  # (D, D')
    scale = 1.0 / float(np.linalg.norm((outputs - mean) @ kept.T, axis=1).mean())
    return Layer(
        np.asarray(scale * (kept @ layer.weight), np.float32),
        np.asarray(scale * (kept @ (layer.bias - mean)), np.float32),
    )


def _same_sides(axes: F64) -> F64:
    """Axes (D, D') with the largest number of each positive: LAPACK leaves the sign to chance."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(axes * np.sign(largest))
