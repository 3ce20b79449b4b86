"""An ONNX file as a TensorRT engine, strongly typed: every tensor has the type that the ONNX file gives it.

So the file decides on precision (engines/build/half_precision.py makes fp16 of fp32, quantise nodes make int8),
and not the builder. With tensorrt_rtx no GPU is needed.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.backends.tensorrt_module import (
    Tensorrt,
    compiled_for,
    compiles_without_gpu,
    compute_capabilities_problem,
    errors_said,
    has_timing_cache,
    import_tensorrt,
    named_compute_capabilities,
    set_compute_capabilities,
    set_hardware_compatible,
    strongly_typed,
    tensorrt_logger,
    version_compatible_problem,
)
from engines.build.tensorrt_facts import GpuHere, TensorrtEngineFacts, TensorrtOptions, TensorrtPrecision
from engines.build.tensorrt_timing_cache import read_timing_cache, write_timing_cache
from engines.errors import BuildError
from engines.zoo.lock import scratch_file

if TYPE_CHECKING:
    import onnx

log = logging.getLogger(__name__)

SUFFIX = ".engine"
IN_SOURCE = re.compile(r"\.?\s+In \w+ at /\S+:\d+")


def write_engine(
    source: Path, path: Path, options: TensorrtOptions, gpu: GpuHere | None = None
) -> TensorrtEngineFacts:
    """Build the ONNX file `source` into `path` (.engine), whole or not at all.

    `gpu` is the one it is built on, whose context is current in this thread; None: none is here. Raises
    BackendError where TensorRT cannot be loaded, and BuildError where it does not take the file or the options, or
    the engine cannot be written.
    """
    if path.suffix != SUFFIX:
        raise BuildError(f"{path}: a TensorRT engine's file ends in {SUFFIX}")
    trt = import_tensorrt()
    capability = None if gpu is None else gpu.compute_capability
    named = named_compute_capabilities(trt, options.compute_capabilities, capability)
    options = replace(options, compute_capabilities=named)
    if (problem := options_problem(trt, options, gpu)) is not None:
        raise BuildError(problem)
    data = _checked_onnx(source, options)
    started = time.perf_counter()
    with errors_said():  # without a driver it says several at every step, and goes on
        plan = _built(trt, source.name, data, options, gpu)
    log.info(
        "%s: %s %s, %.1f MB in %.1f s",
        path.name,
        trt.flavour,
        options.precision,
        plan.nbytes / 1e6,
        time.perf_counter() - started,
    )
    _write(path, memoryview(plan))
    return TensorrtEngineFacts(
        flavour=trt.flavour,
        version=trt.version,
        precision=options.precision,
        profiles=options.profiles,
        gpu=gpu,
        compute_capabilities=compiled_for(trt.flavour, named, capability),
        version_compatible=options.version_compatible,
        hardware_compatible=options.hardware_compatible,
        workspace_bytes=options.workspace_bytes,
    )


def options_problem(trt: Tensorrt, options: TensorrtOptions, gpu: GpuHere | None) -> str | None:
    """What this TensorRT cannot do of these options with this GPU or none, and what to do; None: it can."""
    if gpu is None and not compiles_without_gpu(trt.flavour):
        return (
            f"{trt.flavour} builds engines on the GPU that runs them, and there is none that its driver knows; "
            "build where the GPU is, or in an environment that has tensorrt_rtx alone"
        )
    if options.version_compatible and (problem := version_compatible_problem(trt.flavour)) is not None:
        return problem
    return compute_capabilities_problem(trt, options.compute_capabilities)


def precision_of(model: onnx.ModelProto) -> TensorrtPrecision:
    """What a strongly typed engine of this model computes in: int8 with quantise nodes, fp16 with fp16 weights."""
    from onnx import TensorProto

    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return "int8"
    half = any(weight.data_type == TensorProto.FLOAT16 for weight in model.graph.initializer)
    return "fp16" if half else "fp32"


def _checked_onnx(source: Path, options: TensorrtOptions) -> bytes:
    """The file's bytes. Checked here, since TensorRT's parser takes some that are not ONNX for empty networks."""
    import onnx

    try:
        data = source.read_bytes()
        onnx.checker.check_model(data)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise BuildError(f"{source} is not an ONNX model: {_one_line(str(error))}") from error
    model = onnx.load_from_string(data)
    have = precision_of(model)
    if have != options.precision:
        raise BuildError(
            f"{source.name} computes in {have}, not {options.precision}: TensorRT takes the precision from the file"
        )
    names = {value.name for value in model.graph.input} - {weight.name for weight in model.graph.initializer}
    if not options.profiles or {profile.tensor for profile in options.profiles} != names:
        raise BuildError(
            f"{source.name} has the inputs {', '.join(sorted(names))}; each profile must be of its one input"
        )
    return data


def _built(trt: Tensorrt, name: str, data: bytes, options: TensorrtOptions, gpu: GpuHere | None) -> Any:
    """The serialised engine, an IHostMemory. Raises BuildError."""
    logger = tensorrt_logger(trt)
    with errors_said() as said:
        try:
            builder = trt.module.Builder(logger)
        except (TypeError, RuntimeError) as error:
            raise BuildError(f"{trt.flavour} cannot start: {_reason([*said, str(error)])}") from error
    network = builder.create_network(strongly_typed(trt))
    parser = trt.module.OnnxParser(network, logger)  # holds the weights until the engine is built
    if not parser.parse(data):
        raise BuildError(
            f"{trt.flavour} does not take {name}: {_parser_errors(parser)}; run this model with "
            "engine.backend=openvino"
        )
    config = builder.create_builder_config()
    _set_options(trt, config, options)
    owner = f"{trt.flavour} {trt.version} {gpu}"
    cache = options.timing_cache if has_timing_cache(trt.flavour) else None
    if cache is not None:
        _start_with(config, read_timing_cache(cache, owner), cache)
    with errors_said() as said:
        _add_profiles(builder, config, options)
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BuildError(f"{name}: {trt.flavour} could not build it: {_reason(said)}")
    if cache is not None:
        write_timing_cache(cache, owner, bytes(config.get_timing_cache().serialize()))
    return plan


def _add_profiles(builder: Any, config: Any, options: TensorrtOptions) -> None:
    """A profile that does not fit the network is minded when the engine is built."""
    for profile in options.profiles:
        shapes = builder.create_optimization_profile()
        shapes.set_shape(profile.tensor, profile.min_shape, profile.opt_shape, profile.max_shape)
        config.add_optimization_profile(shapes)


def _start_with(config: Any, times: bytes, path: Path) -> None:
    """Let the builder use these times of kernels and add to them; times that TensorRT does not take are dropped."""
    if not config.set_timing_cache(config.create_timing_cache(times), False):
        log.warning("the timing cache %s is not used and will be written anew: TensorRT refuses it", path)
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _set_options(trt: Tensorrt, config: Any, options: TensorrtOptions) -> None:
    flags = trt.module.BuilderFlag
    if len(options.profiles) == 1:
        # A face's vector must not depend on its place in the batch, since replays repeat byte for byte. TensorRT
        # promises that for matrix products and reductions, and refuses to with several profiles; for convolutions,
        # which are all that the detector has, a test on the GPU has to show it.
        config.set_flag(flags.DISTRIBUTIVE_INDEPENDENCE)
    if options.precision == "fp32":
        # On by default, it multiplies with 10 bits of mantissa, as fp16 does: no reference.
        config.clear_flag(flags.TF32)
    if options.version_compatible:
        config.set_flag(flags.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        set_hardware_compatible(trt, config)
    if options.workspace_bytes is not None:
        config.set_memory_pool_limit(trt.module.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    set_compute_capabilities(trt, config, options.compute_capabilities)


def _parser_errors(parser: Any) -> str:
    """The first thing that the parser minds, and how many more there are."""
    if parser.num_errors == 0:
        return "it does not say why"
    first = parser.get_error(0)
    named = f" {first.node_name()!r}" if first.node_name() else ""
    node = f"node {first.node()}{named} ({first.node_operator()})"
    # A refused check says nothing but "false": the code has the reason.
    why = first.code().name.lower().replace("_", " ") if first.desc() == "false" else _because(first.desc())
    more = "" if parser.num_errors == 1 else f", and {parser.num_errors - 1} more"
    return f"{node}: {_one_line(why)}{more}"


def _because(text: str) -> str:
    """The line with the reason: `Invalid Node - x` stands alone, and what is wrong with x on the next."""
    lines = text.strip().splitlines() or ["it does not say why"]
    return lines[1] if lines[0].startswith("Invalid Node") and len(lines) > 1 else lines[0]


def _reason(said: Sequence[str]) -> str:
    """The first error TensorRT logged: those after it are what came of it."""
    return _one_line(said[0]) if said else "it does not say why"


def _one_line(text: str) -> str:
    """Without the places in TensorRT's source, which stand between a reason and its closing bracket."""
    return " ".join(IN_SOURCE.sub("", text).split())


def _write(path: Path, plan: memoryview) -> None:
    try:
        with scratch_file(path) as scratch:
            scratch.write_bytes(plan)
            os.replace(scratch, path)
    except OSError as error:
        raise BuildError(
            f"{path} cannot be written: {error.strerror or error}; free some space, or name another folder with "
            "FACESTREAM_MODELS"
        ) from error
