"""A torch network of pixels on a device: half precision, channels last, a CUDA graph for each shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.arrays import F32, U8
from engines.networks.from_pixels import FromPixels
from engines.networks.onnx_graph import OnnxGraph

WARM_UPS = 3
"""runs before a capture, in which cuDNN chooses its kernels and the allocator grows (torch's notes on graphs)"""


class PlacedNetwork(nn.Module):
    """A network and its standardisation on a device: pixels in, float32 out.

    Pixels are standardised in float32 and rounded once. A permuted NHWC image is channels last as it lies.
    """

    def __init__(self, source: FromPixels, device: torch.device, half: bool) -> None:
        """`source` is moved, not copied. `half`: the network computes in float16."""
        super().__init__()
        self.element = torch.float16 if half else torch.float32
        self.reverse = source.reverse
        self.mean = source.mean.to(device)
        self.scale = source.scale.to(device)
        network = source.network.to(device, self.element)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in network.modules():
            if isinstance(module, OnnxGraph):
                # Its weights are plain tensors, which `to` does not know.
                module.weights = {name: self._placed(value, device) for name, value in module.weights.items()}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Every output for images (N, H, W, 3) uint8 RGB."""
        values = images.float()  # (N, H, W, 3)
        if self.reverse:
            values = values.flip(3)
        values = (values - self.mean) * self.scale
        result = self.network(values.to(self.element).permute(0, 3, 1, 2))
        outputs = result if isinstance(result, tuple) else (result,)
        # Vectors are of unit length: in half precision they are so up to one part in a thousand only.
        return tuple(F.normalize(each.float(), dim=1) if each.ndim == 2 else each.float() for each in outputs)

    def _placed(self, value: Tensor, device: torch.device) -> Tensor:
        placed = value.to(device, self.element)
        return placed.contiguous(memory_format=torch.channels_last) if placed.ndim == 4 else placed


class ShapeRunner:
    """The network at one input shape: buffers that stay, and on a GPU a graph between them."""

    def __init__(
        self, network: PlacedNetwork, shape: Sequence[int], device: torch.device, graph: bool
    ) -> None:
        """Raises RuntimeError, as torch does, where memory is short."""
        on_gpu = device.type == "cuda"
        self._network = network
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        self._pinned = torch.zeros(tuple(shape), dtype=torch.uint8, pin_memory=on_gpu)
        self._images = torch.zeros(tuple(shape), dtype=torch.uint8, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._outputs: tuple[Tensor, ...] = ()
        if self._stream is not None and graph:
            self._capture(self._stream)

    def run(self, rows: U8) -> tuple[F32, ...]:
        """Every output for as many rows, which may be fewer than the shape has; freshly owned."""
        count = len(rows)
        self._pinned.numpy()[:count] = rows
        if self._stream is None:
            self._images.copy_(self._pinned)
            return tuple(np.array(each[:count].numpy()) for each in self._network(self._images))
        with torch.cuda.stream(self._stream):
            self._images.copy_(self._pinned, non_blocking=True)
            if self._graph is None:
                self._outputs = self._network(self._images)
            else:
                self._graph.replay()
            results = [each[:count].to("cpu", non_blocking=True) for each in self._outputs]
        self._stream.synchronize()
        return tuple(np.array(each.numpy()) for each in results)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        stream.wait_stream(torch.cuda.current_stream(self._images.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._network(self._images)
        stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        # Of this thread alone, so that other workers may allocate meanwhile.
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            self._outputs = self._network(self._images)
