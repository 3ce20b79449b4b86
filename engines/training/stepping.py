"""One step: a batch through the network, its cost, and the optimizer's turn."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from engines.errors import TrainingError
from engines.training.objective import Measured, Objective, check_unit
from engines.training.preparing import Prepared
from engines.training.sampler import CHOICES, NETWORK, stream
from engines.training.settings import Device, Optimizer, Precision, Settings

log = logging.getLogger(__name__)

TYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}


def device_for(wanted: Device) -> torch.device:
    """The device to learn on. Raises TrainingError where a GPU is asked for and torch sees none."""
    here = torch.cuda.is_available()
    if wanted is Device.CUDA and not here:
        raise TrainingError("device cuda: torch sees no GPU here; use auto or cpu")
    return torch.device("cuda" if here and wanted is not Device.CPU else "cpu")


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """On the processor the same steps give the same bits; torch's own chance is put back afterwards.

    On a GPU sums are made in any order, and steps differ in their last bits.
    """
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng([torch.cuda.current_device()] if on_gpu else []):
        if not on_gpu:
            # Else sums of gradients at chosen places are made by whichever thread comes first.
            torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=only_warned)


class Stepper:
    """A network, its optimizer, and what a batch costs."""

    def __init__(
        self, network: nn.Module, objective: Objective, settings: Settings, device: torch.device
    ) -> None:
        """Moves the network to the device. Raises TrainingError where nothing of it can learn."""
        if settings.precision is Precision.FLOAT16 and device.type == "cpu":
            raise TrainingError("precision float16 needs a GPU; use bfloat16 or float32 on a CPU")
        self.network = network.to(device)
        self.optimizer = _optimizer(network, settings)
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.precision is Precision.FLOAT16)
        self._objective = objective
        self._settings = settings
        self._device = device
        self._parameters = [each for group in self.optimizer.param_groups for each in group["params"]]

    def take(self, step: int, ready: Prepared) -> Measured | None:
        """Learn from a batch; None, with the weights as they were, where cost or gradient is no number.

        Raises TrainingError where the network's vectors are not of unit length.
        """
        settings = self._settings
        self.network.train()
        torch.manual_seed(_seed(settings.seed, NETWORK, step))  # dropout, and whatever else the network draws
        random = torch.Generator().manual_seed(_seed(settings.seed, CHOICES, step))
        kind = TYPES[settings.precision]
        with torch.autocast(self._device.type, kind, enabled=kind is not torch.float32):
            vectors = self.network(ready.inputs.to(self._device))
        vectors = vectors.float()  # (B, D)
        check_unit(vectors)
        measured = self._objective(vectors, ready.batch, random)
        if not math.isfinite(float(measured.loss.detach())):
            return None
        if not measured.active:
            return measured  # nothing to learn, and no reason for weight decay to pull alone
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(measured.loss).backward()  # type: ignore[no-untyped-call]
        return measured if self._turn(settings.learning_rate_at(step)) else None

    def _turn(self, learning_rate: float) -> bool:
        """The optimizer's turn; False, and no turn, where a gradient is no number."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.unscale_(self.optimizer)
        limit = self._settings.max_gradient_norm
        norm = nn.utils.clip_grad_norm_(self._parameters, math.inf if limit is None else limit)
        # A scaler that is on skips such a step itself, halves its scale, and tries with the next batch.
        if not self.scaler.is_enabled() and not bool(torch.isfinite(norm)):
            return False
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return True


def _optimizer(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer of all that learns, weight decay for what has two axes or more."""
    learning = [each for each in network.parameters() if each.requires_grad]
    if not learning:
        raise TrainingError("no parameter of the network learns; set requires_grad on those that should")
    groups = [
        {"params": chosen, "weight_decay": decay}
        for chosen, decay in (
            ([each for each in learning if each.dim() > 1], settings.weight_decay),
            ([each for each in learning if each.dim() <= 1], 0.0),
        )
        if chosen
    ]
    if settings.optimizer is Optimizer.ADAGRAD:
        return torch.optim.Adagrad(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _seed(*of: int) -> int:
    """63 bits that follow from these numbers."""
    return int(stream(*of).integers(0, np.iinfo(np.int64).max))
