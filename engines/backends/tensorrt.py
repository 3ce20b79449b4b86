"""TensorRT: engine files on an NVIDIA GPU, through PyCUDA; and whether that can be had here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import Driver, Stream
from engines.backends.cuda.gpus import Gpu, GpusHere, gpus_here
from engines.backends.cuda.network import Network
from engines.backends.cuda.pycuda_driver import PycudaDriver, has_pycuda
from engines.backends.cuda.session import GpuLimits, Session
from engines.backends.engine_base import EngineBase
from engines.backends.tensorrt_module import Flavour, tensorrt_flavour, tensorrt_version
from engines.errors import BackendError

LoadNetwork = Callable[[Driver], Network]
"""the network on the driver's GPU, inside its `current`; raises BackendError"""


class TensorrtEngine(EngineBase):
    """A TensorRT engine on one stream of one GPU; several may share the GPU, each used by one thread at a time.

    A frame or crop may come from the host or be on the device already. What comes out is on the host. A batch
    larger than the engine's profiles take goes through in parts.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        info: EngineInfo,
        limits: GpuLimits | None = None,
        driver: Driver | None = None,
        load: LoadNetwork | None = None,
    ) -> None:
        """`path`: the engine file. `driver` and `load` are given by tests; otherwise PyCUDA and TensorRT."""
        super().__init__(name, inputs, outputs, info)
        self._limits = limits or GpuLimits()
        self._driver: Driver = driver or PycudaDriver(self._limits.gpu)
        self._session: Session | None = None
        self._path = path
        self._load_network = load or self._from_file

    @property
    def driver(self) -> Driver | None:
        """Of its GPU; None while it is not open."""
        return None if self._session is None else self._driver

    @property
    def stream(self) -> Stream | None:
        """That it works on: kernels put there before a run are done before it; None while it is not open."""
        return None if self._session is None else self._session.stream

    def most_rows(self, item: tuple[int, ...]) -> int:
        """Rows of this shape that one run takes. Raises BackendError where the engine takes none, or is not open."""
        return self._opened_session().most_rows(item)

    def infer_device(self, inputs: Mapping[str, DeviceArray]) -> dict[str, F32]:
        """Run a batch that is on the GPU. Raises BackendError as `infer` does."""
        session = self._checked(inputs)
        with self._driver.current():
            return session.run(inputs)

    def run_device(self, inputs: Mapping[str, DeviceArray]) -> dict[str, DeviceArray]:
        """Begin to run a batch that is on the GPU; outputs are there when the stream is, and until the next run.

        Raises BackendError, also where the batch is more than one run takes.
        """
        session = self._checked(inputs)
        with self._driver.current():
            return session.run_device(inputs)

    def _checked(self, inputs: Mapping[str, DeviceArray]) -> Session:
        session = self._opened_session()
        wanted = {spec.name: spec for spec in self.inputs}
        if inputs.keys() != wanted.keys():
            raise BackendError(
                f"{self.name} takes the inputs {', '.join(wanted)}, got {', '.join(sorted(inputs))}"
            )
        for name, array in inputs.items():
            self._must_fit(wanted[name], array)
        self._same_rows(inputs)
        return session

    def _opened_session(self) -> Session:
        if self._session is None:
            raise BackendError(f"{self.name} is not open: call open() first, and nothing after close()")
        return self._session

    def _load(self) -> None:
        if self._session is not None:
            raise BackendError(f"{self.name} is open already")
        self._driver.open()
        try:
            with self._driver.current():
                self._session = self._opened(self._load_network(self._driver))
        except BackendError:
            self._driver.close()
            raise

    def _opened(self, network: Network) -> Session:
        try:
            return Session(self.name, self._driver, network, self.inputs, self.outputs, self._limits)
        except BackendError:
            network.close()
            raise

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        assert self._session is not None  # open
        self._same_rows(inputs)
        with self._driver.current():
            return self._session.run(inputs)

    def _same_rows(self, inputs: Mapping[str, Batch] | Mapping[str, DeviceArray]) -> None:
        rows = {name: value.shape[0] for name, value in inputs.items()}
        if len(set(rows.values())) > 1:
            raise BackendError(f"{self.name}: every input must have as many rows, got {rows}")

    def _unload(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with self._driver.current():
                session.close()
                # Streams and contexts go with their last reference, and that must be while the context is current.
                del session
        self._driver.close()

    def _must_fit(self, spec: TensorSpec, array: DeviceArray) -> None:
        fits = len(array.shape) == len(spec.shape) and all(
            isinstance(want, str) or have == want for have, want in zip(array.shape, spec.shape, strict=True)
        )
        if not fits or array.element != spec.element:
            raise BackendError(
                f"{self.name}: {spec.name} must be {spec.element} ({', '.join(map(str, spec.shape))}), "
                f"got {array.element} {array.shape}"
            )

    def _from_file(self, driver: Driver) -> Network:
        from engines.backends.cuda.tensorrt_network import load_network

        return load_network(self._path, self.inputs, self.outputs)


@dataclass(frozen=True, slots=True)
class TensorrtHere:
    """A TensorRT and a GPU that it runs on."""

    gpu: Gpu
    flavour: Flavour
    version: str


OLDEST = (7, 5)
"""compute capability: Turing, which both of TensorRT 11 and TensorRT-RTX 1.7 begin with"""
RTX_LEAVES_OUT = ("9.0", "10.0", "10.3", "11.0")
"""data-centre GPUs: TensorRT-RTX 1.7's ComputeCapability names 7.5, 8.x, 12.0 and 12.1"""


def tensorrt_here(index: int = 0, here: GpusHere | None = None) -> TensorrtHere | str:
    """TensorRT on a GPU, or in a few words why it cannot run there; nothing heavy is imported.

    `here`: the GPUs, asked for where it is not given.
    """
    gpu = (here or gpus_here()).found(index)
    if isinstance(gpu, str):
        return gpu
    flavour, version = tensorrt_flavour(), tensorrt_version()
    if flavour is None or version is None:
        return "TensorRT is not installed: pip install -r requirements-gpu.txt"
    capability = tuple(int(part) for part in gpu.compute_capability.split("."))
    if capability < OLDEST:
        return f"{flavour} needs compute capability 7.5 or later; {gpu}"
    if flavour == "tensorrt_rtx" and gpu.compute_capability in RTX_LEAVES_OUT:
        return f"tensorrt_rtx does not run on data-centre GPUs, install tensorrt; {gpu}"
    if not has_pycuda():
        return "PyCUDA is not installed: pip install -r requirements-gpu.txt"
    return TensorrtHere(gpu, flavour, version)
