"""`doctor`: is everything here that Facestream needs, and what is wrong where it is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import typer

from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
)
from pipeline.commands.engine_health import EngineHealth, ModelHealth, check_engine, check_models
from pipeline.commands.health import (
    GalleryHealth,
    Problem,
    Problems,
    RedisHealth,
    check_folders,
    check_gallery,
    check_redis,
    check_statistics,
    check_thresholds,
    check_versions,
)
from pipeline.commands.machine import Hardware, Versions, read_hardware, read_versions
from pipeline.commands.thresholds import comparable_of

BROKEN = 3


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that doctor found."""

    ok: bool
    versions: Versions
    hardware: Hardware
    engine: EngineHealth | None
    models: tuple[ModelHealth, ...]
    redis: RedisHealth | None
    gallery: GalleryHealth | None
    problems: tuple[Problem, ...]


def doctor(
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check versions, hardware, engine, models, Redis and gallery, and say how to repair what is broken.

    Nothing is fetched, started or changed. Exit code 0: all is well; 3: something needed is broken.

    Example: python run_pipeline.py doctor --json
    """
    context = make_context(config, data, set_, json_, debug, make_data=False)
    report = examine(context)
    if context.json:
        context.print_json(asdict(report))
    else:
        _print(context, report)
    raise typer.Exit(0 if report.ok else BROKEN)


def examine(context: Context) -> Report:
    """Look at everything; what cannot be looked at without a missing package is None."""
    problems: Problems = []
    versions = read_versions()
    hardware = read_hardware(context.data, context.models)
    check_versions(versions, problems)
    whole = not problems
    check_folders(hardware, context.data, context.models, problems)
    engine, models, redis, gallery = _examine_parts(context, problems) if whole else (None, (), None, None)
    return Report(not problems, versions, hardware, engine, models, redis, gallery, tuple(problems))


def _examine_parts(
    context: Context, problems: Problems
) -> tuple[EngineHealth | None, tuple[ModelHealth, ...], RedisHealth | None, GalleryHealth | None]:
    config = context.config
    engine = check_engine(config, problems)
    models = check_models(config, context.models, problems)
    comparable = comparable_of(config) if models else None
    if models:  # else the list of them is broken, and that was said
        check_statistics(config, problems)
        check_thresholds(config, context.data, problems)
    redis = check_redis(config, context.data, problems)
    gallery = check_gallery(config, context.data, comparable, problems)
    return engine, models, redis, gallery


def _print(context: Context, report: Report) -> None:
    """Two columns for people, then the problems."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for part, lines in _lines(report):
        for number, line in enumerate(lines):
            table.add_row("" if number else part, line)
    context.print(table)
    for problem in report.problems:
        context.print(f"PROBLEM {problem.part}: {problem.message}")
    context.print("all is well" if report.ok else f"{len(report.problems)} to repair")


def _lines(report: Report) -> list[tuple[str, list[str]]]:
    """The parts of the report with their lines."""
    versions, hardware = report.versions, report.hardware
    packages = [f"{name} {version or 'missing'}" for name, version in versions.packages.items()]
    ffmpeg = ", ".join(f"{name} {version}" for name, version in versions.ffmpeg.items())
    disk = f"{_gigabytes(hardware.free_data_bytes)} free for data, {_gigabytes(hardware.free_models_bytes)}"
    memory = f"{_gigabytes(hardware.memory_bytes)}, {_gigabytes(hardware.free_memory_bytes)} free"
    return [
        ("facestream", [f"{versions.facestream}, python {versions.python}"]),
        ("packages", [", ".join(packages), *([f"FFmpeg: {ffmpeg}"] if ffmpeg else [])]),
        ("processor", [f"{hardware.processor}, {hardware.usable_cores:g} of {hardware.cores} cores usable"]),
        ("memory", [memory]),
        ("disk", [f"{disk} for models"]),
        ("gpu", [*hardware.gpus] or ["none"]),
        ("engine", _engine_lines(report.engine)),
        ("models", [line for each in report.models for line in _model_lines(each)]),
        ("redis", _redis_lines(report.redis)),
        ("gallery", _gallery_lines(report.gallery)),
    ]


def _engine_lines(engine: EngineHealth | None) -> list[str]:
    if engine is None:
        return ["see below"]
    return [f"{engine.backend} {engine.precision} on {engine.device}", engine.reason, *engine.unused_gpus]


def _model_lines(model: ModelHealth) -> list[str]:
    engine = "" if model.engine is None else f", {model.engine}"
    line = f"{model.name}: {model.state}{engine}{' (needed)' if model.needed else ''}"
    return [line, *([] if model.rebuild is None else [f"  {model.rebuild}"])]


def _redis_lines(redis: RedisHealth | None) -> list[str]:
    if redis is None:
        return ["see below"]
    state = "running" if redis.running else "starts with the first command that needs it"
    owner = "our own" if redis.kind == "embedded" else "yours"
    return [f"{owner}, version {redis.version or 'unknown'}, {redis.address}, {state}"]


def _gallery_lines(gallery: GalleryHealth | None) -> list[str]:
    if gallery is None:
        return ["see below"]
    if not gallery.exists:
        return [f"{gallery.address}: none yet, begins with the first enroll"]
    models = ", ".join(f"{count} of {model_id}" for model_id, count in gallery.model_ids.items())
    templates = f"templates: {gallery.templates}{f' ({models})' if models else ''}"
    lines = [f"{gallery.address}: people: {gallery.people}, {templates}, version {gallery.version}"]
    if gallery.left_behind:
        lines.append(f"known by older models alone: {gallery.left_behind} (upgrade --status names them)")
    return lines


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
