"""`train --export`: the best weights of a run, ended or not, as a model that every command can use."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.context import Context
from pipeline.commands.training.cutting import FOLDER as FACES_FOLDER
from pipeline.commands.training.cutting import CutSet, as_text
from pipeline.commands.training.figures import held_out_figures
from pipeline.commands.training.learners import network_of, side_of
from pipeline.commands.training.older_vectors import older_model
from pipeline.commands.training.parting import Gathered, gathered, test_rows
from pipeline.commands.training.run_file import HEAD, RESULT_FILE, STRANGERS_FILE, TrainingRun, run_folder
from pipeline.commands.training.trunk_features import trunk_model
from pipeline.errors import OutsideError

UNMEASURED = "not measured on other people"
PARTED_BY = ("validation", "augmentation", "min_face_px", "min_quality", "same_person_distance")
"""keys of `training` that a run keeps, of which a model says those that are not as usual"""

if TYPE_CHECKING:
    from torch import nn

    from engines.strangers import Strangers
    from engines.training.export import Provenance
    from engines.zoo.description import ModelDescription


def export_run(context: Context, name: str, model: str, *, force: bool = False) -> None:
    """Make a model of a run's best weights so far, and say how to use it.

    Raises BadInputError where there is no such run, CatalogueError for a name that is taken, TrainingError where
    nothing was learnt yet, OutsideError where the models' folder cannot be written.
    """
    from engines.training.checkpoint import load_best
    from engines.training.export import Provenance, check_name
    from pipeline.assemble.recognition import CATALOGUE_FILE

    folder = run_folder(context.data, name)
    run = TrainingRun.read(folder)
    check_name(model, CATALOGUE_FILE, context.models, replace_own=force)
    network = network_of(run)
    best = load_best(network, folder)
    held_out, strangers = _measured(context, run, network, folder, best.step)
    older = older_model(context, run.compatible_with, run.network) if run.compatible_with else None
    about = Provenance(
        terms=f"trained on {_data(run)}, to step {best.step}, by: {_command(run)}; {held_out}",
        compatible_with=() if older is None else (older.model_id, *older.compatible_with),
        strangers=strangers,
    )
    try:
        made = _export(context, run, network, model, about, held_out)
    except OSError as error:
        raise OutsideError(
            f"{context.models}: cannot be written ({error.strerror}); make room, or name another folder with "
            "FACESTREAM_MODELS"
        ) from error
    _tell(context, name, made, best.step, strangers)


def _export(
    context: Context, run: TrainingRun, network: nn.Module, model: str, about: Provenance, held_out: str
) -> ModelDescription:
    """Write files and entry. Raises EngineError, OSError."""
    from engines.networks.family import member
    from engines.training.export import export_head, export_network

    if run.network != HEAD:
        chosen = member(run.network)
        return export_network(network, chosen.input, run.dimension, model, context.models, about)
    from engines.networks.head import HeadOrigin, make_head
    from engines.training.head_network import HeadNetwork
    from engines.zoo.cache import ModelCache
    from engines.zoo.fetch import fetch

    assert isinstance(network, HeadNetwork)
    trunk = trunk_model(context)
    weight, bias = network.numbers()
    origin = HeadOrigin(
        model=trunk.name,
        weights_sha256=trunk.files[0].sha256,
        command=_command(run),
        data=_data(run),
        seed=run.seed,
        held_out=held_out,
    )
    source = fetch(trunk, ModelCache(context.models))[0]
    return export_head(make_head(weight, bias, origin), trunk, source, model, context.models, about)


def _measured(
    context: Context, run: TrainingRun, network: nn.Module, folder: Path, step: int
) -> tuple[str, Strangers | None]:
    """The figures of these weights in words, and their strangers: kept by the run, or measured now."""
    from engines.errors import CatalogueError
    from engines.strangers import Strangers

    kept = _kept(folder, step)
    if kept is not None:
        try:
            return kept, Strangers.read(folder / STRANGERS_FILE)
        except CatalogueError:
            return kept, None  # too few people to tell
    faces = _faces(context, run)
    if faces is None:
        context.say(
            f"the cut faces of run {folder.name} are gone, so it is not measured; --resume cuts them again"
        )
        return UNMEASURED, None
    figures = held_out_figures(context, run, network, faces, test_rows(faces, run))
    return (
        (UNMEASURED, None) if figures is None else (in_words(figures.record()["trained"]), figures.strangers)
    )


def in_words(found: Mapping[str, Any]) -> str:
    """A record of figures as a sentence of a model's terms."""
    return (
        f"on {found['people']} other people accuracy {100 * found['accuracy']:.2f} %, "
        f"VAL {100 * found['val_at_far_1e-3']:.2f} % at FAR 1e-3"
    )


def _kept(folder: Path, step: int) -> str | None:
    """What the run itself measured of the weights of this step; None where it did not."""
    try:
        result = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        return in_words(result["held_out"]["trained"]) if result["best_step"] == step else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _faces(context: Context, run: TrainingRun) -> Gathered | None:
    """The faces that the run cut; None where they are not there any more."""
    from engines.training.faces_file import read_faces

    sets = []
    for path, fingerprint, name in zip(run.photos, run.fingerprints, run.folders, strict=True):
        folder = context.data / FACES_FOLDER / name
        found = read_faces(folder, side_of(run.network), run.embedded)
        if not len(found):
            return None
        sets.append(CutSet(path, fingerprint, found, folder))
    return gathered(sets) if sets else None


def _data(run: TrainingRun) -> str:
    """What it was trained on, in words: names of files, no paths, since a model goes to other machines."""
    names = ", ".join(as_text(path.name) for path in run.photos)
    return f"{names}, all but the {100 * run.test:.0f} % of the people who are for the test"


def _command(run: TrainingRun) -> str:
    """That parts the same people and learns from the same photos."""
    from config.training_section import Training
    from engines.training.split import TEST

    names = " ".join(shlex.quote(as_text(path.name)) for path in run.photos)
    more = f" --compatible-with {shlex.quote(run.compatible_with)}" if run.compatible_with else ""
    more += "" if run.test == TEST else f" --test {run.test:g}"
    usual = Training()
    more += "".join(
        f" --set training.{name}={getattr(run, name)}"
        for name in PARTED_BY
        if getattr(run, name) != getattr(usual, name)
    )
    return (
        f"python run_pipeline.py train {names} --network {run.network} --dimension {run.dimension}{more} "
        f"--set training.seed={run.seed}"
    )


def _tell(context: Context, run: str, made: ModelDescription, step: int, strangers: Strangers | None) -> None:
    """Where it is, and what to do next."""
    path = context.models / made.name
    if context.json:
        context.print_json(
            {
                "run": run,
                "model": made.name,
                "model_id": made.model_id,
                "step": step,
                "path": str(path),
                "dimension": made.dimension,
                "terms": made.terms,
                "compatible_with": list(made.compatible_with),
                "calibrated": strangers is not None,
            }
        )
        return
    context.print(f"{made.name} ({made.model_id}): {path}, from step {step} of run {run}")
    context.print(f"{made.terms}")
    chosen = f"--set embedding.model={made.name}"
    if strangers is None:
        context.print(
            f"first, so that thresholds are known: python run_pipeline.py calibrate --strangers PEOPLE {chosen}"
        )
    context.print(f"use it with any command: {chosen}; change a gallery to it: upgrade --to {made.name}")
