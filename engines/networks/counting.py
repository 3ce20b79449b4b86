"""How large and how costly a network is, counted while it runs once.

A multiply-add is counted as the FaceNet paper counts FLOPS: a weight's product a position is one, and so is a bias.
Rectifiers, pools and norms are left out, batch norm too, since it folds into the convolution before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class CountedLayer:
    """One of a network's own children, with all that is inside it: a row of the paper's tables."""

    name: str
    output: tuple[int, ...]
    """without the batch: (C, H, W), or (D,)"""
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A network's size and the cost of one image."""

    parameters: int
    """learned numbers, those of norms among them"""
    multiply_adds: int
    layers: tuple[CountedLayer, ...]
    """in the order in which they run"""

    def layer(self, name: str) -> CountedLayer:
        """The layer of this name. Raises KeyError."""
        for each in self.layers:
            if each.name == name:
                return each
        raise KeyError(name)


def counted(network: nn.Module, side_px: int) -> Counted:
    """Run the network on one image (1, 3, side_px, side_px) and count; it is left as it was."""
    costs: dict[str, int] = {}
    layers: list[CountedLayer] = []
    names = {module: name for name, module in network.named_modules()}

    def cost(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        costs[names[module]] = costs.get(names[module], 0) + _multiply_adds(module, output)

    def row(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        name = names[module]
        inside = sum(each for path, each in costs.items() if path == name or path.startswith(f"{name}."))
        parameters = sum(each.numel() for each in module.parameters())
        layers.append(CountedLayer(name, tuple(output.shape[1:]), parameters, inside))

    hooks = [each.register_forward_hook(cost) for each in network.modules() if _multiplies(each)]
    hooks += [each.register_forward_hook(row) for each in network.children()]
    training = network.training
    try:
        _run_once(network.eval(), side_px)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return Counted(sum(each.numel() for each in network.parameters()), sum(costs.values()), tuple(layers))


def _run_once(network: nn.Module, side_px: int) -> None:
    with torch.inference_mode():
        # On the parameters' device: those of the meta device have shapes and no storage, which is enough here.
        device = next(network.parameters()).device
        network(torch.zeros(1, 3, side_px, side_px, device=device))


def _multiplies(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d | nn.Linear)


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    """Of one image: each weight once a position of the output (C, H, W), or once for (D,)."""
    weights = sum(each.numel() for each in module.parameters(recurse=False))
    positions = output[0, 0].numel() if output.ndim == 4 else 1
    return weights * positions
