"""`bench`: run one of the programs in benchmarks/."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import BadInputError

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def benchmark_names() -> list[str]:
    """The benchmarks there are, by the name to give."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


def bench(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Which: a file of benchmarks/, without .py.")],
) -> None:
    """Run a benchmark; what follows its name is the benchmark's own.

    One JSON line a row on standard output, with `ratio` against the alternative that the row names.

    Example: python run_pipeline.py bench pipeline --help
    """
    if name not in benchmark_names():
        known = ", ".join(benchmark_names()) or "none"
        raise BadInputError(f"{name}: no such benchmark; there are: {known}")
    module = importlib.import_module(f"benchmarks.{name}")
    code: int | None = module.main(ctx.args)
    raise typer.Exit(code or 0)
