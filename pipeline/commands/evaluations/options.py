"""Options that evaluations share, and the plot that they write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import path_given
from pipeline.commands.written_files import check_file
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ImagesOption = Annotated[
    Path,
    typer.Option(
        "--images",
        metavar="FOLDER_OR_TAR",
        parser=path_given,
        help="Photos in a folder a person, or a tar of it.",
    ),
]
WithoutOption = Annotated[
    Path | None,
    typer.Option(
        "--without", metavar="PAIRS", parser=path_given, help="LFW's pairs.txt: its people are left out."
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.png", parser=path_given, help="Also draw it."),
]


def check_plot(path: Path | None) -> None:
    """Raise BadInputError or OutsideError, before the work and not after it, where no plot can be written."""
    if path is None:
        return
    if path.suffix.lower() != ".png":
        raise BadInputError(f"--plot {path}: plots are PNG; name a file that ends in .png")
    check_file("--plot", path)


def write_plot(figure: Figure, path: Path) -> None:
    """Write it whole or not at all. Raises OutsideError."""
    from engines.evaluation.plots import write_png

    try:
        write_png(figure, path)
    except OSError as error:
        raise OutsideError(
            f"--plot {path}: cannot be written ({error.strerror}); name another file"
        ) from error
