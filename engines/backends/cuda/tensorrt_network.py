"""TensorRT behind the network's protocol: an engine file on the current GPU, and its execution contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.backends.base import TensorSpec
from engines.backends.cuda.driver import DeviceMemory, Stream
from engines.backends.cuda.network import Shapes
from engines.backends.tensorrt_module import Tensorrt, errors_said, import_tensorrt, tensorrt_logger
from engines.build.tensorrt_profiles import Profile, Shape
from engines.errors import BackendError


def load_network(path: Path, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> TensorrtNetwork:
    """An engine file, on the GPU whose context is current.

    Raises BackendError where the file is of another TensorRT or GPU, or has other tensors than these.
    """
    trt = import_tensorrt()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BackendError(f"{path}: {error.strerror}; build it again: run_pipeline.py build") from error
    with errors_said() as said:
        runtime = trusting_runtime(trt)
        engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise BackendError(
            f"{trt.flavour} {trt.version} cannot load {path.name}: {_reason(said)}; "
            "delete its folder to build it anew on this machine"
        )
    there = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    if there != {spec.name for spec in (*inputs, *outputs)}:
        raise BackendError(f"{path.name} has the tensors {', '.join(sorted(there))}; delete its folder")
    return TensorrtNetwork(trt, runtime, engine, inputs[0].name, len(content))


def trusting_runtime(trt: Tensorrt) -> Any:
    """What loads engines, version-compatible ones too: those hold code for the processor, which TensorRT runs only
    where it is told that the file is trusted. Ours are what `build` wrote."""
    runtime = trt.module.Runtime(tensorrt_logger(trt))
    runtime.engine_host_code_allowed = True
    return runtime


class TensorrtNetwork:
    """A deserialised engine. Contexts, then the engine, then the runtime go, in this order."""

    def __init__(self, trt: Tensorrt, runtime: Any, engine: Any, input_: str, weights_bytes: int) -> None:
        """`input_` is the tensor that profiles are of; the file is about as large as the weights."""
        self.profiles = tuple(
            Profile(input_, *(tuple(dims) for dims in engine.get_tensor_profile_shape(input_, index)))
            for index in range(engine.num_optimization_profiles)
        )
        self.weights_bytes = weights_bytes
        self._trt = trt
        self._runtime = runtime
        self._engine = engine

    def runner(self, profile: int, stream: Stream) -> TensorrtRunner:
        """A context without memory of its own. Raises BackendError."""
        with errors_said() as said:
            context = self._context()
            if context is None or not context.set_optimization_profile_async(profile, stream.handle):
                raise BackendError(f"{self._trt.flavour} cannot make an execution context: {_reason(said)}")
        return TensorrtRunner(context, self._engine, f"{self._trt.flavour} {self._trt.version}")

    def close(self) -> None:
        """TensorRT's objects free what they hold when their last reference goes."""
        self._engine = None
        self._runtime = None

    def _context(self) -> Any:
        """Its memory is ours to give, and so one workspace serves every context of a stream.

        TensorRT-RTX compiles kernels again for each shape it meets, in the background, and changes over to them
        when they are done. Then a face's vector would depend on how many others came with it, and when: it is
        told not to. Its own graphs are off, since ours hold the work.
        """
        module = self._trt.module
        user_managed = module.ExecutionContextAllocationStrategy.USER_MANAGED
        specialisation = getattr(module, "DynamicShapesKernelSpecializationStrategy", None)
        if specialisation is None:
            return self._engine.create_execution_context(user_managed)
        config = self._engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(user_managed)
        config.dynamic_shapes_kernel_specialization_strategy = specialisation.NONE
        config.cuda_graph_strategy = module.CudaGraphStrategy.DISABLED
        return self._engine.create_execution_context(runtime_config=config)


class TensorrtRunner:
    """An execution context."""

    def __init__(self, context: Any, engine: Any, library: str) -> None:
        """`library` is what errors call TensorRT."""
        self._context = context
        self._library = library
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        kinds = {name: engine.get_tensor_mode(name).name for name in names}
        self._outputs = [name for name in names if kinds[name] == "OUTPUT"]

    def take(self, inputs: Shapes) -> dict[str, Shape]:
        """Set the inputs' shapes and infer the outputs'. Raises BackendError."""
        with errors_said() as said:
            for name, shape in inputs.items():
                self._must(self._context.set_input_shape(name, shape), f"the shape {shape} of {name}", said)
            try:
                missing = self._context.infer_shapes()
            except RuntimeError as error:
                raise BackendError(f"{self._library} cannot infer shapes: {_reason(said, error)}") from error
        if missing:
            raise BackendError(f"{self._library} lacks the shapes of {', '.join(missing)}")
        return {name: tuple(self._context.get_tensor_shape(name)) for name in self._outputs}

    def workspace_bytes(self) -> int:
        """For the shapes taken, which is less than the profile's largest would need."""
        return int(self._context.update_device_memory_size_for_shapes())

    def bind(self, addresses: Mapping[str, int], workspace: DeviceMemory | None) -> None:
        """Tell the context where everything is. Raises BackendError."""
        with errors_said() as said:
            for name, pointer in addresses.items():
                self._must(self._context.set_tensor_address(name, pointer), f"the address of {name}", said)
            if workspace is not None:
                # It returns nothing; memory that is too small is refused when the work is enqueued.
                self._context.set_device_memory(workspace.pointer, workspace.size_bytes)

    def enqueue(self, stream: Stream) -> None:
        """enqueueV3. Raises BackendError."""
        with errors_said() as said:
            self._must(self._context.execute_async_v3(stream.handle), "to run", said)

    def can_capture(self, stream: Stream) -> bool:
        """TensorRT-RTX says; TensorRT captures all networks without loops and data-dependent shapes, as ours are."""
        asks = getattr(self._context, "is_stream_capturable", None)
        return asks is None or bool(asks(stream.handle))

    def close(self) -> None:
        """The context goes with its last reference."""
        self._context = None

    def _must(self, done: bool, what: str, said: Sequence[str]) -> None:
        """TensorRT's calls return False and tell why in the log."""
        if not done:
            raise BackendError(f"{self._library} refuses {what}: {_reason(said)}")


def _reason(said: Sequence[str], error: RuntimeError | None = None) -> str:
    """The first thing that TensorRT complained of, as one line."""
    text = said[0] if said else str(error or "")
    return (text.strip().splitlines() or ["no reason given"])[0]
