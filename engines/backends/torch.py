"""torch on the processor: the plain reference, row by row, several times slower than OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.engine_base import EngineBase
from engines.errors import BackendError

if TYPE_CHECKING:
    from torch import Tensor, nn


class TorchEngine(EngineBase):
    """A torch network with one input, which returns a tensor or a tuple of them."""

    def __init__(
        self,
        name: str,
        load: Callable[[], nn.Module],
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        info: EngineInfo,
        threads: int = 0,
    ) -> None:
        """`load` is called by `open`; `threads` holds for all of torch in this process; 0: torch's own choice."""
        super().__init__(name, inputs, outputs, info)
        self._loader = load
        self._threads = threads
        self._network: nn.Module | None = None

    def _load(self) -> None:
        import torch

        if self._threads:
            torch.set_num_threads(self._threads)
        self._network = self._loader().eval()

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        import torch

        assert self._network is not None
        (value,) = inputs.values()
        try:
            with torch.inference_mode():
                # Row by row: torch chooses its convolutions by the batch's size, and they differ in the last bits.
                rows = [self._row(self._network, torch.from_numpy(row[None].copy())) for row in value]
        except RuntimeError as error:
            raise BackendError(
                f"{self.name}: torch could not run it: {str(error).splitlines()[0]}"
            ) from error
        return {
            spec.name: torch.cat([row[at] for row in rows]).numpy() for at, spec in enumerate(self.outputs)
        }

    @staticmethod
    def _row(network: nn.Module, row: Tensor) -> tuple[Tensor, ...]:
        """Every output for a batch of one."""
        result = network(row)
        return result if isinstance(result, tuple) else (result,)

    def _unload(self) -> None:
        self._network = None
