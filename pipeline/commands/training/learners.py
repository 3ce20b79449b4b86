"""What learns: a network of the family on crops, or a head on the features of the default model's frozen trunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.training.parting import Gathered
from pipeline.commands.training.run_file import HEAD, TrainingRun
from pipeline.commands.training.trunk_features import trunk_features, trunk_model

if TYPE_CHECKING:
    from torch import nn

    from engines.training.settings import Settings
    from engines.training.sources import FaceSource
    from pipeline.arrays import I64

HEAD_SIDE_PX = 160
OTHERS = 40
"""a third of a batch's faces: of LFW's people seven in ten have a single photo"""
NO_END = 10**9
"""steps of a run that ends by its minutes"""


@dataclass(frozen=True, slots=True)
class Limit:
    """When a run ends; one of both is given."""

    minutes: float | None
    steps: int | None


def side_of(network: str) -> int:
    """The side of the crops that a network takes, in pixels. Raises CatalogueError that names the nearest."""
    from engines.errors import CatalogueError
    from engines.networks.family import MEMBERS, member

    if network == HEAD:
        return HEAD_SIDE_PX
    try:
        return member(network).side_px
    except CatalogueError as error:
        if len(network) > 2 and HEAD.startswith(network[:3]):
            raise CatalogueError(f"no network {network!r}; did you mean {HEAD}?") from error
        names = ", ".join([*(each.name for each in MEMBERS), HEAD])
        raise CatalogueError(f"{str(error).partition('; known')[0]}; known: {names}") from error


def network_of(run: TrainingRun) -> nn.Module:
    """What learns, with weights of chance, the same for the same seed."""
    import torch

    torch.manual_seed(run.seed)
    if run.network == HEAD:
        from engines.networks.head import FEATURES
        from engines.training.head_network import HeadNetwork

        return HeadNetwork(FEATURES, run.dimension)
    from engines.networks.family import member

    return member(run.network).make(run.dimension)


def begin_with(context: Context, network: nn.Module, run: TrainingRun, faces: Gathered, rows: I64) -> None:
    """Give a head the weights that it begins with, from these rows; other networks begin by chance.

    So does a head that is to be comparable with an older model's vectors, as the paper's does: its own best beginning
    lies in another space, and its small steps would not lead out of it.

    Raises TrainingError where the people are too few, EngineError, OutsideError.
    """
    if run.network != HEAD or run.compatible_with:
        return
    import numpy as np

    from engines.networks.weights import load_facenet
    from engines.training.head import begin
    from engines.training.head_network import HeadNetwork
    from engines.training.trunk import last_layer
    from engines.zoo.cache import ModelCache
    from engines.zoo.fetch import fetch

    assert isinstance(network, HeadNetwork)
    trunk = fetch(trunk_model(context), ModelCache(context.models))[0]
    plain = source_of(context, run, faces, rows, changed=False)
    features = plain.plain(np.arange(len(plain.people))).numpy()
    begin(network, last_layer(load_facenet(trunk)), features, plain.people)


def source_of(context: Context, run: TrainingRun, faces: Gathered, rows: I64, *, changed: bool) -> FaceSource:
    """These rows, ascending, as the network takes them; `changed`: anew each time, as the run's augmentation says.

    Raises EngineError, and OutsideError where a trunk's features cannot be kept.
    """
    import numpy as np

    from engines.training.augment import PLAIN, USUAL
    from engines.training.joined_source import JoinedSource
    from engines.training.sources import CropSource, FeatureSource

    usual = changed and run.augmentation == "usual"
    parts: list[FaceSource] = []
    start = 0
    for cut in faces.sets:
        end = start + len(cut.faces)
        people, own = faces.people[start:end], np.asarray(rows[(rows >= start) & (rows < end)] - start)
        start = end
        if not len(own):
            continue
        if run.network == HEAD:
            features = trunk_features(context, cut)
            parts.append(FeatureSource(features if usual else features[:, 0], people, own))
        else:
            how = USUAL if usual else PLAIN
            parts.append(CropSource(cut.faces.crops, people, side_of(run.network), how, own))
    return JoinedSource(parts)


def settings_of(context: Context, run: TrainingRun, limit: Limit) -> Settings:
    """How it learns: as the configuration says, else as suits the network. Raises TrainingError."""
    from engines.training import head as for_head
    from engines.training.settings import Device, Negatives, Optimizer, Precision, Settings

    keys = context.config.training
    head = run.network == HEAD and not run.compatible_with
    optimizer = Optimizer.ADAM if keys.optimizer == "auto" else Optimizer(keys.optimizer)
    rate = keys.learning_rate
    if rate is None:
        adams = for_head.LEARNING_RATE if head else 1e-3
        rate = 0.05 if optimizer is Optimizer.ADAGRAD else adams
    others = keys.others
    if others is None:
        others = for_head.OTHERS if head else OTHERS
    return Settings(
        steps=NO_END if limit.steps is None else limit.steps,
        minutes=limit.minutes,
        patience=keys.patience,
        people=keys.people or (for_head.PEOPLE if head else 30),
        photos=keys.photos or (for_head.PHOTOS if head else 4),
        others=others,
        margin=keys.margin,
        negatives=Negatives(keys.negatives),
        optimizer=optimizer,
        learning_rate=rate,
        precision=Precision(keys.precision),
        device=Device(keys.device),
        validate_every=keys.validate_every,
        seed=run.seed,
    )
