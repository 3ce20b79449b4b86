"""What `doctor` says of engines: which runs and why, which do not fit, and GPUs that nobody uses. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from config.schema import Config
from engines.errors import EngineError
from pipeline.commands.health import Problem, Problems

if TYPE_CHECKING:
    from engines.backends.choose import EngineChoice
    from engines.backends.cuda.gpus import GpusHere
    from engines.build.parity_limits import ParityLimits
    from engines.states import ModelState


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What will run the networks, and why."""

    backend: str
    precision: str
    device: str
    reason: str
    unused_gpus: tuple[str, ...] = ()
    """GPUs that are there while a processor runs the networks, each with what is missing"""


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """A model's files and engine."""

    name: str
    model_id: str
    """of its vectors"""
    role: str
    state: str
    """missing, fetched, verified or built"""
    needed: bool
    """by the configuration"""
    licence: str
    path: str
    engine: str | None = None
    """backend and precision of the engine in use"""
    rebuild: str | None = None
    """why an engine that is there does not fit, and the command that builds another"""


def check_engine(config: Config, problems: Problems) -> EngineHealth | None:
    """The backend and precision that the configuration comes to."""
    from engines.backends.cuda.gpus import gpus_here
    from pipeline.assemble.recognition import engine_choice

    try:
        choice = engine_choice(config)
    except EngineError as error:
        problems.append(Problem("engine", str(error)))
        return None
    unused = unused_gpus(choice, gpus_here())
    return EngineHealth(choice.backend, choice.precision, choice.device, choice.reason, unused)


def unused_gpus(choice: EngineChoice, here: GpusHere) -> tuple[str, ...]:
    """The GPUs that are there while the processor runs the networks, each with why, and what to do."""
    from engines.backends.tensorrt import tensorrt_here

    if choice.backend == "tensorrt" or choice.on_gpu:
        return ()
    lines = []
    for gpu in here.gpus:
        found = tensorrt_here(gpu.index, here)
        remedy = found if isinstance(found, str) else f"set engine.backend=auto and engine.gpu={gpu.index}"
        lines.append(f"{gpu} is not used: {remedy}")
    return tuple(lines)


def check_models(config: Config, models: Path, problems: Problems) -> tuple[ModelHealth, ...]:
    """Every model of the catalogue; those that the configuration needs must be there, and their engines near enough
    to the reference."""
    from engines.states import model_states
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.parity import limits_of
    from pipeline.assemble.recognition import CATALOGUE_FILE

    try:
        catalogue = read_catalogue(CATALOGUE_FILE, models)
        needed = tuple(
            catalogue.model(name).name for name in (config.detection.model, config.embedding.model)
        )
    except EngineError as error:
        problems.append(Problem("models", str(error)))
        return ()
    problems += [Problem("models", problem) for problem in catalogue.problems]
    choice = _choice(config)
    states = model_states(catalogue, models, choice)
    found = tuple(health_of(state, choice, needed) for state in states)
    missing = [model.name for model in found if model.needed and model.state == "missing"]
    if missing:
        problems.append(
            Problem("models", f"missing: {', '.join(missing)}; run: python run_pipeline.py models")
        )
    for state in states:
        if state.model.name in needed:
            problems += strayed(state, limits_of(config))
    return found


def _choice(config: Config) -> EngineChoice | None:
    """None where it is broken, which check_engine says; files can be looked at all the same."""
    from pipeline.assemble.recognition import engine_choice

    try:
        return engine_choice(config)
    except EngineError:
        return None


def health_of(state: ModelState, choice: EngineChoice | None, needed: tuple[str, ...]) -> ModelHealth:
    """What is there of one model, and what to run where its engine does not fit."""
    recipe = None if state.manifest is None else state.manifest.recipe
    return ModelHealth(
        name=state.model.name,
        model_id=state.model.model_id,
        role=state.model.role,
        state=state.state,
        needed=state.model.name in needed,
        licence=state.model.licence,
        path=str(state.path),
        engine=None if recipe is None else f"{recipe.backend} {recipe.precision}",
        rebuild=None if choice is None else _rebuild(state, choice),
    )


def _rebuild(state: ModelState, choice: EngineChoice) -> str | None:
    """The next command that needs the engine builds it too; `build` says so and holds it to LFW."""
    if not state.outdated:
        return None
    from engines.build.network_files import fitting

    own = fitting(state.model, choice)
    command = f"build {state.model.name} --backend {own.backend} --precision {own.precision}"
    return f"its engine does not fit: {state.outdated}; run: python run_pipeline.py {command}"


def strayed(state: ModelState, limits: ParityLimits) -> Problems:
    """An engine that passed other limits than today's."""
    from engines.build.parity_limits import shortfall

    manifest = state.manifest
    if manifest is None or manifest.parity is None:
        return []
    recipe = manifest.recipe
    failed = shortfall(manifest.parity, limits, recipe.precision)
    if failed is None:
        return []
    other = "fp32" if recipe.backend == "openvino" else "fp16"
    return [
        Problem(
            "engine",
            f"{recipe.model}, {recipe.backend} {recipe.precision}: {failed}; set that limit, or another "
            f"engine.precision, and run: python run_pipeline.py build {recipe.model} --precision {other}",
        )
    ]
