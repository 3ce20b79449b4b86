"""Embedders beside those that a run began with: opened when they are needed, given back when nothing uses them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from config.schema import Config
from engines.backends.choose import EngineChoice
from engines.prepare import Prepared, prepare
from engines.progress import OnProgress, ignore
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.on_device import DeviceCut
from pipeline.alignment.stage import Cut
from pipeline.assemble.on_gpu import reopen, tensorrt_engine
from pipeline.assemble.parity import how_to_build
from pipeline.assemble.recognition import (
    CATALOGUE_FILE,
    Networks,
    Recognition,
    centre_of,
    embedder_of,
    input_side_of,
)
from pipeline.device.shared import SharedGpu
from pipeline.embedding.in_force import Seeing
from pipeline.embedding.on_device import DeviceEmbedder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Eye:
    """An embedder that is open, and what cuts crops for it."""

    model: str
    """its name in models.yaml"""
    recognition: Recognition = field(repr=False)
    """the run's, with this embedder in it"""

    @property
    def seeing(self) -> Seeing:
        """For the embedding stage."""
        networks = self.recognition.networks
        return Seeing(networks.embedder, networks.crop.size_px)

    @property
    def cut(self) -> Cut:
        """Cuts crops where the frames are."""
        return self.recognition.networks.cut or self.recognition.networks.crop.cut

    def close(self) -> None:
        """Give back its engine, and what it holds on a GPU. A second call does nothing."""
        if self.recognition.networks.close_embedder is not None:
            self.recognition.networks.close_embedder()


OpenEye = Callable[[str], Eye]
"""a model's name in models.yaml -> the embedder, open; slow. Raises EngineError, BadInputError"""


class Eyes:
    """The embedders of one run that are open, each once. One thread opens and closes them."""

    def __init__(self, first: Eye, open_eye: OpenEye) -> None:
        """`first`: the one that the run begins with; it is given back as any other."""
        self._open_eye = open_eye
        self._open = {first.model: first}

    def of(self, model: str) -> Eye:
        """The embedder of this model, opened where it is not. Raises EngineError, BadInputError."""
        if model not in self._open:
            self._open[model] = self._open_eye(model)
        return self._open[model]

    def keep(self, models: Collection[str]) -> None:
        """Close all but these."""
        for model in [each for each in self._open if each not in models]:
            self._open.pop(model).close()
            log.info("the engine of %s is closed: nothing uses it any more", model)


def open_eye(
    config: Config,
    models: Path,
    beside: Recognition,
    choice: EngineChoice,
    on_progress: OnProgress = ignore,
) -> Eye:
    """Fetch, build and open the configured embedder beside the networks of a run, whose detector it shares.

    Raises EngineError where it cannot be had, BadInputError where it is no embedder.
    """
    catalogue = read_catalogue(CATALOGUE_FILE, models)
    how = how_to_build(config, catalogue, models)
    model = config.embedding.model
    prepared = prepare(model, catalogue, models, choice, on_progress, (), "embedding", how)
    with ExitStack() as opened:
        prepared.engine.open()
        opened.callback(prepared.engine.close)
        networks = _beside(config, beside.networks, prepared, beside.gpu, opened)
        # The first batch of an engine is slow, and frames must not wait for it.
        side = networks.crop.size_px
        networks.embedder.embed(np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8))
        close = opened.pop_all().close
    return Eye(model, Recognition(replace(networks, close_embedder=close), gpu=beside.gpu))


def _beside(
    config: Config, networks: Networks, prepared: Prepared, gpu: SharedGpu | None, opened: ExitStack
) -> Networks:
    """The networks with another embedder, which is open; `opened` gives back what it holds on a GPU."""
    about = prepared.description
    crop = replace(networks.crop, size_px=input_side_of(config, prepared))
    with_it = replace(
        networks,
        crop=crop,
        embedder=embedder_of(config, prepared),
        reopen_embedder=lambda: _reopen(prepared),
        compatible_with=about.compatible_with,
        recipe="",
    )
    if gpu is None:
        return with_it
    engine, cut = tensorrt_engine(prepared), DeviceCut(crop, gpu)
    embeds = DeviceEmbedder(
        engine, gpu, about.model_id, config.embedding.max_batch, centre_of(prepared), about.kept
    )
    for part in (cut, embeds):
        opened.callback(part.close)
    return replace(
        with_it,
        cut=cut,
        reopen_cut=cut.close,
        embedder=embeds,
        reopen_embedder=lambda: reopen(embeds, engine),
    )


def _reopen(prepared: Prepared) -> None:
    """Make a request and a context anew that may be broken. Raises BackendError."""
    prepared.engine.close()
    prepared.engine.open()
