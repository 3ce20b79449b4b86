"""An older model's vectors of cut faces, for networks whose vectors are to be comparable with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.training.cutting import check_stop
from pipeline.commands.training.learners import side_of
from pipeline.commands.training.parting import Gathered
from pipeline.commands.training.run_file import TrainingRun
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from engines.zoo.description import ModelDescription
    from pipeline.arrays import F32, U8


def older_model(context: Context, name: str, network: str) -> ModelDescription:
    """The model whose space is to be kept. Raises BadInputError, CatalogueError where it cannot be."""
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.recognition import CATALOGUE_FILE

    model = read_catalogue(CATALOGUE_FILE, context.models).model(name)
    if model.role != "embedding" or model.input is None:
        raise BadInputError(f"--compatible-with {name}: is no embedder")
    if model.input.side_px != (side_px := side_of(network)):
        raise BadInputError(
            f"--compatible-with {name}: takes crops of {model.input.side_px} px, and {network} of {side_px} px; choose "
            "a network of the same input, see --list"
        )
    return model


def older_vectors(context: Context, run: TrainingRun, faces: Gathered, stop: Callable[[], bool]) -> F32:
    """The vectors (N, D) of all faces, as the product gives them, kept beside the crops.

    Raises EngineError, InterruptedCutError where `stop` says so, and OutsideError where they cannot be kept.
    """
    import numpy as np

    from engines.training.kept_rows import kept_rows
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.output import model_progress
    from pipeline.commands.serving_model import with_model

    if run.compatible_with == run.embedder:
        return faces.vectors
    config = with_model(context.config, run.compatible_with)
    found: list[F32] = []
    with (
        model_progress(context) as on_progress,
        open_recognition(config, context.models, on_progress) as recognition,
    ):
        embed = recognition.networks.embedder.embed
        for cut in faces.sets:
            path = cut.folder / f"vectors-{recognition.model_id}.f32"
            crops: U8 = cut.faces.crops
            what = f"vectors of {cut.source.name} by {run.compatible_with}"
            try:
                rows = kept_rows(
                    path,
                    len(crops),
                    (recognition.dimension,),
                    lambda part, crops=crops: embed(np.asarray(crops[part])),  # type: ignore[misc]
                    partial(check_stop, stop, total=len(crops), what=what),
                )
            except OSError as error:
                raise OutsideError(
                    f"{path}: cannot be written ({error.strerror}); make room, or name another folder with --data"
                ) from error
            found.append(rows)
    return found[0] if len(found) == 1 else np.concatenate(found)
