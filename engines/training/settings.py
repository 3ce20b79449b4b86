"""What a training run is asked to do: a frozen value that is kept beside the run and checked when it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from engines.errors import TrainingError

MARGIN = 0.2
"""of squared distances: FaceNet (arXiv 1503.03832), section 3.3"""


class Negatives(StrEnum):
    """Which negatives an anchor and a positive are shown, of those in the batch."""

    SEMI_HARD = "semi-hard"
    """one by chance of those farther than the positive by less than the margin (FaceNet, section 3.2)"""
    NEAREST_SEMI_HARD = "nearest-semi-hard"
    """the nearest of them"""
    HARDEST = "hardest"
    """the nearest of all; it can collapse a network to one point, as section 3.2 says and a test shows"""
    ALL = "all"
    """every one, whether it costs anything or not"""


class Optimizer(StrEnum):
    """How gradients become steps."""

    ADAGRAD = "adagrad"
    """the paper's, at 0.05"""
    ADAM = "adam"
    """with weight decay apart from the gradient (AdamW, arXiv 1711.05101); wants about 0.001"""


class Precision(StrEnum):
    """What a network computes in while it learns; weights, loss and validation are float32 always."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    """with a scaled loss, on a GPU alone"""


class Device(StrEnum):
    """Where a network learns."""

    AUTO = "auto"
    """on a GPU where torch sees one"""
    CPU = "cpu"
    CUDA = "cuda"


class BestBy(StrEnum):
    """Which figure of a validation is to be high."""

    ACCURACY = "accuracy"
    VAL = "val"
    AUC = "auc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A run's settings. Those of `FREE` may differ when it goes on: they change no step. Raises TrainingError."""

    steps: int = 1000
    minutes: float | None = None
    """of training, over all parts of a run"""
    patience: int | None = None
    """validations in a row without a better one before it ends"""

    people: int = 30
    """in a batch, each with two photos or more"""
    photos: int = 4
    """of each of them in a batch, at most; never the same twice"""
    others: int = 0
    """faces of further people with a single photo, as negatives: the paper adds random negatives to each batch"""

    margin: float = MARGIN
    negatives: Negatives = Negatives.SEMI_HARD
    optimizer: Optimizer = Optimizer.ADAGRAD
    learning_rate: float = 0.05
    """the paper's for AdaGrad, which it lowers towards the end"""
    decay_at: tuple[int, ...] = ()
    """steps from which on the learning rate is `decay` times what it was"""
    decay: float = 0.1
    warm_up: int = 0
    """steps over which the learning rate rises from nothing"""
    weight_decay: float = 0.0
    """of matrices and kernels; biases and norms are left alone"""
    max_gradient_norm: float | None = None

    precision: Precision = Precision.FLOAT32
    device: Device = Device.AUTO
    validate_every: int = 100
    """steps"""
    best_by: BestBy = BestBy.ACCURACY
    save_every_s: float = 60.0
    """what a kill costs at most, besides what a validation kept"""
    collapse_steps: int = 100
    """so many in a row with everybody at one point end the run; 0: it is not looked at"""
    threads: int = 2
    """that prepare batches"""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in _AT_LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= low:
                raise TrainingError(f"{name} must be at least {low}, got {value}")
        for name in ("margin", "learning_rate", "minutes", "max_gradient_norm", "decay"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < float("inf"):
                raise TrainingError(f"{name} must be above 0, got {value}")
        if any(step < 1 for step in self.decay_at) or list(self.decay_at) != sorted(set(self.decay_at)):
            raise TrainingError(f"decay_at must be rising steps from 1 on, got {self.decay_at}")
        if self.precision is Precision.FLOAT16 and self.device is Device.CPU:
            raise TrainingError("precision float16 needs a GPU; use bfloat16 or float32 on a CPU")

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        past = sum(step >= each for each in self.decay_at)
        rising = min(1.0, step / self.warm_up) if self.warm_up else 1.0
        return self.learning_rate * rising * self.decay**past

    def to_json(self) -> str:
        """As readable JSON, one setting a line."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave. Raises TrainingError."""
        try:
            value = dict(json.loads(text))
            for name, kind in _KINDS.items():
                value[name] = kind(value[name])
            return cls(**{**value, "decay_at": tuple(value["decay_at"])})
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise TrainingError(
                "these are not the settings of a training run; start it in a new folder"
            ) from error

    def differing(self, other: Settings) -> tuple[str, ...]:
        """Names of settings in which two runs take other steps, or keep another best."""
        names = [each.name for each in fields(self) if each.name not in FREE]
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))


FREE = frozenset({"steps", "minutes", "patience", "collapse_steps", "device", "save_every_s", "threads"})
"""when to stop, where, and how fast; a step on another device differs in its last bits"""

_AT_LEAST: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("steps", "patience", "validate_every", "threads"), 1),
        **dict.fromkeys(("people", "photos"), 2),
        **dict.fromkeys(("others", "warm_up", "weight_decay", "collapse_steps", "save_every_s", "seed"), 0),
    }
)
_KINDS: Mapping[str, Any] = MappingProxyType(
    {
        "negatives": Negatives,
        "optimizer": Optimizer,
        "precision": Precision,
        "device": Device,
        "best_by": BestBy,
    }
)
