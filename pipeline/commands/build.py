"""`build`: compiles engines of a backend and precision, and holds each to the fp32 reference."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from config.schema import Config
from pipeline.commands.build_output import BuiltEngine, engine_record, print_engines
from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
)
from pipeline.commands.serving_model import with_model
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from engines.backends.choose import EngineChoice
    from engines.build.built import Built, How
    from engines.progress import OnProgress
    from engines.zoo.catalogue import Catalogue
    from engines.zoo.description import ModelDescription

BackendName = Literal["openvino", "tensorrt"]
PrecisionName = Literal["auto", "fp32", "bf16", "fp16", "int8"]

ModelsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="MODEL...", help="Entries of config/models.yaml. [those of the configuration]"),
]
BackendOption = Annotated[
    BackendName | None, typer.Option("--backend", help="What the engines are for. [engine.backend]")
]
PrecisionOption = Annotated[
    PrecisionName | None, typer.Option("--precision", help="What they compute in. [engine.precision]")
]
NoLfwOption = Annotated[
    bool,
    typer.Option(
        "--no-lfw", help="Do not run Labeled Faces in the Wild, which takes minutes, where it is there."
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Build also what is there and up to date.")]
CapabilityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--compute-capability",
        metavar="N.N",
        help="tensorrt_rtx: a GPU to compile for, as 8.9. Repeatable. [Ampere and later cards]",
    ),
]


def build(
    model: ModelsArgument = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    no_lfw: NoLfwOption = False,
    force: ForceOption = False,
    compute_capability: CapabilityOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compile engines, and compare each with its network at fp32 on real crops and frames.

    One that strays further than the limits of the configuration's `parity` is not installed, and the one before it
    stays: exit code 3. Engines of other backends and precisions stay beside. Where the folder of
    FACESTREAM_TEST_DATA has LFW, embedders are compared on it too.

    Example: python run_pipeline.py build --backend openvino --precision bf16
    """
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.parity import how_to_build
    from pipeline.assemble.recognition import CATALOGUE_FILE
    from pipeline.commands.output import model_progress

    context = make_context(config, data, set_, json_, debug, make_data=False)
    catalogue = read_catalogue(CATALOGUE_FILE, context.models)
    keys = context.config
    wanted = [catalogue.model(name) for name in model or (keys.detection.model, keys.embedding.model)]
    _check_networks(wanted)
    choice = choice_for(keys, backend, precision)
    capabilities = _capabilities(compute_capability, choice)
    engines = []
    with model_progress(context) as on_progress:
        for each in wanted:
            how = how_to_build(config_of(keys, each), catalogue, context.models, lfw=not no_lfw, anew=force)
            how = replace(how, wishes=replace(how.wishes, compute_capabilities=capabilities))
            engine = build_one(context, catalogue, each, choice, how, on_progress)
            engines.append(engine)
            if context.json:
                record = engine_record(engine.built)
                context.print_json(
                    {"model": each.name, "anew": engine.anew, "reason": engine.reason, **record}
                )
    if not context.json:
        print_engines(context, engines)


def choice_for(config: Config, backend: BackendName | None, precision: PrecisionName | None) -> EngineChoice:
    """What engines are built for: as the options say, else the configuration, and what it requires before `auto`.

    TensorRT engines may be compiled where no GPU can run them, which a run would refuse. Raises BackendError, and
    BadInputError where there is nothing to build.
    """
    from pipeline.assemble.recognition import engine_choice

    keys = config.engine
    wanted = backend or (
        keys.require if keys.require is not None and keys.backend == "auto" else keys.backend
    )
    computed = keys.precision if precision is None else precision
    if wanted == "tensorrt":
        return _tensorrt_choice(config, computed)
    require = None if backend is not None else keys.require
    asked = keys.model_copy(update={"backend": wanted, "precision": computed, "require": require})
    choice = engine_choice(config.model_copy(update={"engine": asked}))
    if choice.backend == "torch":
        raise BadInputError(
            "engine.backend=torch runs a model from its own file, and nothing is built; "
            "name another with --backend"
        )
    return choice


def build_one(
    context: Context,
    catalogue: Catalogue,
    model: ModelDescription,
    choice: EngineChoice,
    how: How,
    on_progress: OnProgress,
) -> BuiltEngine:
    """The engine of one model, built where it is missing, outdated, or compared with less than is asked now."""
    from engines.build.built import build as build_engine
    from engines.build.built import look_up, recipe_for
    from engines.build.network_files import fitting
    from engines.zoo.cache import ModelCache
    from engines.zoo.fetch import fetch

    own = fitting(model, choice)
    if own.precision != choice.precision:
        context.say(f"{model.name}: {own.precision} instead of int8: it has no int8 file in models.yaml")
    source, *_ = fetch(model, ModelCache(context.models), on_progress)
    there = look_up(recipe_for(model, own), context.models, own.gpu)
    anew = how.anew or not _enough(there, model, how)
    built = build_engine(model, source, own, context.models, on_progress, replace(how, anew=anew))
    return BuiltEngine(built, own.reason, anew)


def _enough(there: Built | str | None, model: ModelDescription, how: How) -> bool:
    """Whether an engine is there that was compared on all that there is, and compiled for what is wished."""
    from engines.build.parity_limits import shortfall
    from engines.build.parity_material import SEEDED

    if there is None or isinstance(there, str):
        return False
    manifest, facts = there.manifest, there.manifest.tensorrt
    parity = manifest.parity or manifest.network_parity
    if parity is None or parity.material == SEEDED:
        return False
    if model.role == "embedding" and how.gate.lfw is not None and parity.lfw is None:
        return False
    if facts is not None and not how.wishes.kept_by(facts):
        return False
    return shortfall(parity, how.gate.limits, manifest.recipe.precision) is None


def _tensorrt_choice(config: Config, precision: PrecisionName) -> EngineChoice:
    from engines.backends.choose import EngineChoice
    from engines.build.network_files import gpu_at

    keys = config.engine
    gpu = gpu_at(keys.gpu)
    computed = "fp16" if precision == "auto" else precision
    why = (
        "tensorrt: asked for; fp16: what a GPU is fastest in"
        if precision == "auto"
        else "tensorrt: asked for"
    )
    device = "no GPU here" if gpu is None else gpu.name
    return EngineChoice("tensorrt", computed, keys.threads, device, why, gpu=keys.gpu)


def config_of(config: Config, model: ModelDescription) -> Config:
    """The configuration of somebody who uses this embedder: crops and the operating threshold are its own."""
    if model.role != "embedding":
        return config
    return with_model(config, model.name)


def _capabilities(given: list[str] | None, choice: EngineChoice) -> tuple[str, ...]:
    """Raises BadInputError where they are no numbers, or nothing would be compiled for them."""
    for each in given or ():
        if re.fullmatch(r"\d+\.\d", each) is None:
            raise BadInputError(f"--compute-capability {each}: expected a number like 8.9")
    if given and choice.backend != "tensorrt":
        raise BadInputError(
            f"--compute-capability is for TensorRT, and engines for {choice.backend} would be built; "
            "add --backend tensorrt"
        )
    return tuple(given or ())


def _check_networks(models: list[ModelDescription]) -> None:
    for model in models:
        if model.network == "none":
            raise BadInputError(f"{model.name} is {model.role}, which no engine runs; name another model")
