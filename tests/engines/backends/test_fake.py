"""The fake embedder knows people by their colour."""

from __future__ import annotations

import numpy as np

from engines.arrays import U8
from engines.backends.fake import fake_embedder

COLOURS = [(16, 48, 208), (240, 48, 208), (112, 112, 112), (16, 240, 48)]


def crops(noise: int, seed: int = 0) -> U8:
    """One crop of each colour, with some noise."""
    rng = np.random.default_rng(seed)
    plain = np.array(COLOURS)[:, None, None] + rng.integers(-noise, noise + 1, (len(COLOURS), 16, 16, 3))
    return plain.astype(np.uint8)


def test_colours_are_people() -> None:
    with fake_embedder(side_px=16, dimension=64) as engine:
        first = engine.infer({"crops": crops(noise=8, seed=1)})["vectors"]
        second = engine.infer({"crops": crops(noise=8, seed=2)})["vectors"]

    distances = 2 - 2 * first @ second.T
    assert np.allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-6)
    assert np.all(np.diag(distances) < 0.01)
    assert np.all(distances[~np.eye(len(COLOURS), dtype=bool)] > 1.2)


def test_shots_of_a_person_differ_a_little() -> None:
    with fake_embedder(side_px=16, dimension=64) as engine:
        first = engine.infer({"crops": crops(noise=8, seed=1)})["vectors"]
        second = engine.infer({"crops": crops(noise=0)})["vectors"]

    assert not np.array_equal(first, second)
