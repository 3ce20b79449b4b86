"""Orders that ML-ANN might look at templates in: what the paper and its code have, and what we changed, one by one.

Not the index itself: whole matrices of distances, from which only the place of the true nearest template is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, I64
from pipeline.gallery.indexes.mlann_axes import principal_axes

GENUINE_COSINE = 0.68
"""mean of two photos of one person: LFW's dev people, config/statistics"""
SMALLEST_DISTANCE = 0.05
"""a variance in proportion to the distance would divide by 0 at the reference itself"""

Order = Callable[[F32, F32], F32]
"""probes (Q, D), templates (R, D) -> (Q, R): lower is more likely"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A choice of references and what is made of the distances to them."""

    name: str
    references: F32
    """(m, D) unit vectors"""
    order: Order


def contenders(templates: F32, count: int, seed: int) -> Iterator[Contender]:
    """All of them, with `count` references."""
    chosen = {
        "random templates": templates[np.random.default_rng(seed).permutation(len(templates))[:count]],
        "max-sum templates": templates[farthest(templates, count, seed, np.add)],
        "max-min templates": templates[farthest(templates, count, seed, np.minimum)],
    }
    for name, references in chosen.items():
        yield Contender(f"{name}, (a) constant variance", references, independent(references))
    references = chosen["max-min templates"]
    yield Contender(
        "max-min templates, (b) variance as the distance",
        references,
        independent(references, proportional=True),
    )
    yield Contender(
        "max-min templates, (a) calibrated by c", references, independent(references, cosine=GENUINE_COSINE)
    )
    yield Contender("max-min templates, joint", references, joint(references))
    axes = principal_axes(templates, count)
    yield Contender("principal axes, joint (ours)", axes, joint(axes))


def independent(references: F32, *, cosine: float = 1.0, proportional: bool = False) -> Order:
    """The published rule: the sum of (rho - rho_mu)^2 over the references, each by itself."""

    def order(probes: F32, templates: F32) -> F32:
        seen = 2.0 - 2.0 * (probes @ references.T)
        expected = 2.0 * (1.0 - cosine) + cosine * (2.0 - 2.0 * (templates @ references.T))
        weights = 1.0 / np.maximum(expected, SMALLEST_DISTANCE) if proportional else np.ones_like(expected)
        exponent: F32 = (
            np.square(seen) @ weights.T
            - 2.0 * seen @ (weights * expected).T
            + np.sum(weights * np.square(expected), axis=1)
        )
        return exponent

    return order


def joint(references: F32) -> Order:
    """The errors' covariance taken in: the squared distance within the references' span, and what is outside."""
    span, _ = np.linalg.qr(references.T.astype(np.float64))

    def order(probes: F32, templates: F32) -> F32:
        within, known = probes @ span, templates @ span
        rest, known_rest = (
            np.sqrt(np.maximum(1.0 - np.sum(each**2, axis=1), 0.0)) for each in (within, known)
        )
        return np.asarray(2.0 - 2.0 * (within @ known.T + np.outer(rest, known_rest)), np.float32)

    return order


def farthest(templates: F32, count: int, seed: int, gather: np.ufunc) -> I64:
    """Farthest-first: each next template is the farthest from those before, by the sum or by the nearest of them."""
    first = int(np.random.default_rng(seed).integers(len(templates)))
    chosen = [first]
    distances = 2.0 - 2.0 * (templates @ templates[first])
    while len(chosen) < count:
        distances[chosen] = -np.inf
        following = int(distances.argmax())
        chosen.append(following)
        distances = gather(distances, 2.0 - 2.0 * (templates @ templates[following]))
    return np.array(chosen, np.int64)


def looked_at_before(contender: Contender, probes: F32, templates: F32, nearest: I64) -> I64:
    """(Q,) templates that come before the true nearest."""
    order = contender.order(probes, templates)
    place = order[np.arange(len(probes)), nearest]
    return np.asarray(np.sum(order < place[:, None], axis=1), np.int64)
