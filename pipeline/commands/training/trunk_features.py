"""What the default model's frozen trunk makes of cut faces, computed once and kept beside the crops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.training.cutting import CutSet, check_stop
from pipeline.errors import OutsideError

if TYPE_CHECKING:
    from engines.zoo.description import ModelDescription
    from pipeline.arrays import F32

VIEWS = 2
"""of a face: as it is, and mirrored"""


def trunk_model(context: Context) -> ModelDescription:
    """The model whose trunk a head stands on: the first that has the network and no head of its own."""
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.recognition import CATALOGUE_FILE

    embedders = read_catalogue(CATALOGUE_FILE, context.models).of_role("embedding")
    return next(each for each in embedders if each.network == "inception_resnet_v1" and each.head is None)


def trunk_features(context: Context, cut: CutSet, stop: Callable[[], bool] = lambda: False) -> F32:
    """The features (N, 2, 1792) of a set's crops, mapped from a file that is gone on with where a run was ended.

    Raises EngineError, InterruptedCutError where `stop` says so, and OutsideError where the file cannot be written.
    """
    import numpy as np

    from engines.networks.head import FEATURES
    from engines.training.kept_rows import kept_rows, whole_rows
    from engines.training.trunk import open_trunk
    from engines.zoo.cache import ModelCache
    from engines.zoo.fetch import fetch
    from pipeline.commands.output import model_progress

    model = trunk_model(context)
    path = cut.folder / f"features-{model.files[0].sha256[:12]}.f32"
    there = whole_rows(path, len(cut.faces), (VIEWS, FEATURES))
    if there is not None:
        return there  # opening the trunk takes seconds, and a run asks some times for each set
    with model_progress(context) as on_progress:
        source = fetch(model, ModelCache(context.models), on_progress)[0]
    try:
        with open_trunk(model, source) as trunk, context.progress() as bars:
            what, total = f"features of {cut.source.name}", len(cut.faces)
            task = bars.add_task(what, total=total)

            def told(done: int) -> None:
                bars.update(task, completed=done)
                check_stop(stop, done, total=total, what=what)

            def compute(part: slice) -> F32:
                crops = np.asarray(cut.faces.crops[part])
                views = [trunk.features(each) for each in (crops, np.ascontiguousarray(crops[:, :, ::-1]))]
                return np.stack(views, axis=1)

            return kept_rows(path, total, (VIEWS, FEATURES), compute, told)
    except OSError as error:
        raise OutsideError(
            f"{path}: cannot be written ({error.strerror}); make room, or name another folder with --data"
        ) from error
