"""How far an engine may be from the reference, and which measure was not kept."""

from __future__ import annotations

from dataclasses import dataclass

from engines.manifest import Parity

ROUNDING = 1e-6
"""squared L2 between two fp32 engines' vectors of one crop: sums in another order give about 1e-10"""
MAX_RELATIVE = {"fp32": 1e-3, "fp16": 0.05, "bf16": 0.1, "int8": 0.3}
"""of a network's output values, against the largest of them; for networks of which no vectors or faces were compared"""


@dataclass(frozen=True, slots=True)
class ParityLimits:
    """What an engine is held to; the keys of `parity` in the configuration."""

    min_cosine: float
    min_mean_cosine: float
    max_changed_decisions: float
    min_recall: float
    max_landmark_error: float
    max_lfw_loss: float


DEFAULT_LIMITS = ParityLimits(
    min_cosine=0.97,
    min_mean_cosine=0.99,
    max_changed_decisions=0.01,
    min_recall=0.97,
    max_landmark_error=0.03,
    max_lfw_loss=0.001,
)
"""for callers without a configuration; the same as config/engine_sections.py"""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure with what it is held to."""

    name: str
    value: float
    limit: float
    key: str
    """of the configuration; empty where the limit is no key"""
    at_least: bool
    """True: the value must not be below the limit; False: not above it"""

    @property
    def kept(self) -> bool:
        """Whether the limit is kept; a value that is no number keeps none."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        limit = f"{self.key} {self.limit:g}" if self.key else f"limit {self.limit:g}"
        return f"{self.name} {self.value:.5g} is {'below' if self.at_least else 'above'} {limit}"


def measures(parity: Parity, limits: ParityLimits, precision: str) -> tuple[Measure, ...]:
    """Every figure of a comparison that has a limit."""
    found: list[Measure] = []
    if (vectors := parity.vectors) is not None:
        found += [
            Measure("worst cosine", vectors.worst_cosine, limits.min_cosine, "parity.min_cosine", True),
            Measure(
                "mean cosine", vectors.mean_cosine, limits.min_mean_cosine, "parity.min_mean_cosine", True
            ),
            Measure(
                "share of changed decisions",
                vectors.changed_share,
                limits.max_changed_decisions,
                "parity.max_changed_decisions",
                False,
            ),
        ]
        if precision == "fp32":
            found.append(Measure("squared L2 between vectors", vectors.max_squared_l2, ROUNDING, "", False))
    if (faces := parity.faces) is not None:
        found += [
            Measure("recall of faces", faces.recall, limits.min_recall, "parity.min_recall", True),
            Measure(
                "landmark error",
                faces.landmark_error,
                limits.max_landmark_error,
                "parity.max_landmark_error",
                False,
            ),
        ]
    if parity.vectors is None and parity.faces is None:
        found.append(
            Measure("relative difference", parity.max_abs, MAX_RELATIVE[precision], "", False),
        )
    if (lfw := parity.lfw) is not None:
        found.append(
            Measure("loss of LFW accuracy", lfw.loss, limits.max_lfw_loss, "parity.max_lfw_loss", False)
        )
    return tuple(found)


def shortfall(parity: Parity, limits: ParityLimits, precision: str) -> str | None:
    """The measures that are not kept, in words, or None where all are."""
    return "; ".join(str(each) for each in measures(parity, limits, precision) if not each.kept) or None
