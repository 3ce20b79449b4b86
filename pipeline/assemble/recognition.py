"""The networks of the configuration, opened, with what surrounds them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from config.schema import Config
from engines.backends.base import Engine
from engines.backends.choose import EngineChoice, Mode, choose
from engines.build.from_description import sha256_beside
from engines.centre import read_centre
from engines.manifest import installed_versions
from engines.prepare import Prepared, prepare
from engines.progress import OnProgress
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import CropRule
from pipeline.alignment.quality import JudgeParts, judge, no_parts, parts_of, quality_recipe
from pipeline.alignment.stage import Cut, Judge
from pipeline.arrays import F32, U8
from pipeline.assemble.on_gpu import on_gpu, shared_gpu
from pipeline.assemble.parity import how_to_build
from pipeline.detection.centerface import CenterFace
from pipeline.detection.input_size import WHOLE_PX
from pipeline.detection.look import Detector, FrameDetector
from pipeline.detection.photo import PhotoDetector
from pipeline.device.shared import SharedGpu
from pipeline.embedding.embedder import Embedder
from pipeline.errors import BadInputError
from pipeline.gallery.recogniser import Described
from pipeline.stage import Reopen
from pipeline.types import Faces

log = logging.getLogger(__name__)

CATALOGUE_FILE = Path(__file__).resolve().parents[2] / "config" / "models.yaml"


@dataclass(frozen=True, slots=True)
class Networks:
    """What recognition is made of; tests put fakes here."""

    detector: Detector
    photo_detector: Detector
    """for photos, where a face may fill the picture"""
    embedder: Embedder
    crop: CropRule
    judge: Judge
    recipe: str = ""
    """everything that a vector and its quality depend on; the same recipe gives the same. Empty: not known"""
    parts: JudgeParts = no_parts
    """what `judge` multiplies"""
    reopen_detector: Reopen | None = None
    """makes its engine anew; None where there is none"""
    reopen_embedder: Reopen | None = None
    close_embedder: Callable[[], None] | None = None
    """gives its engine back before the others', where another embedder serves by now; None where there is none"""
    frame_detector: FrameDetector | None = None
    """finds in a run's frames what `detector` finds, where the frames are; None: `detector` does, on the host"""
    cut: Cut | None = None
    """cuts what `crop` cuts, where the frames are; None: `crop` does, on the host"""
    reopen_cut: Reopen | None = None
    regions_pay: bool = True
    """whether a look at a part of a frame costs less; on a GPU a whole one costs next to nothing"""
    compatible_with: tuple[str, ...] = ()
    """model_ids whose vectors the embedder's may be compared with"""


class Recognition:
    """Detector and embedder, ready to run, for streams and for single photos."""

    def __init__(
        self, networks: Networks, close: ExitStack | None = None, gpu: SharedGpu | None = None
    ) -> None:
        """`gpu` is where the pixels of a run stay; None: on the host."""
        self.networks = networks
        self.gpu = gpu
        self._close = close or ExitStack()

    @property
    def model_id(self) -> str:
        """Of the vectors."""
        return self.networks.embedder.model_id

    @property
    def comparable(self) -> tuple[str, ...]:
        """Whose vectors these may be compared with: its own model's first."""
        return (self.model_id, *self.networks.compatible_with)

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self.networks.embedder.dimension

    def detect(self, image: U8) -> Faces:
        """Faces of a photo (H, W, 3) RGB of any size, best score first. Raises BackendError."""
        return self.networks.photo_detector.detect([image])[0]

    def describe(self, image: U8, faces: Faces) -> Described:
        """Vector and quality of each face of a photo. Raises BackendError."""
        crops = self.networks.crop.crops(image, faces)
        quality = self.networks.judge(crops, faces)
        return Described(self.networks.embedder.embed(crops), quality, self.networks.parts(crops, faces))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close.close()


@dataclass(frozen=True, slots=True)
class Footing:
    """What the networks of a run stand on."""

    choice: EngineChoice
    gpu: SharedGpu | None
    """where its pixels stay, open; None: on the host"""


@contextmanager
def open_footing(choice: EngineChoice) -> Iterator[Footing]:
    """Around everything that has pixels: GPUs close last. Raises EngineError."""
    with shared_gpu(choice) or nullcontext() as gpu:
        yield Footing(choice, gpu)


def open_recognition(
    config: Config,
    models: Path,
    on_progress: OnProgress,
    *,
    choice: EngineChoice | None = None,
    on: Footing | None = None,
) -> Recognition:
    """Fetch, build and open what the configuration names; slow the first time.

    Args:
        choice: the caller's, who has told of it; None: what the configuration makes of this machine for recordings.
        on: the caller's, where something else stands on it too.

    Raises EngineError where a model or an engine cannot be had.
    """
    catalogue = read_catalogue(CATALOGUE_FILE, models)
    with ExitStack() as opened:
        footing = on or opened.enter_context(open_footing(choice or engine_choice(config)))
        choice = footing.choice
        log.info("engine: %s on %s, %s (%s)", choice.backend, choice.device, choice.precision, choice.reason)
        how = how_to_build(config, catalogue, models)
        detector = prepare(
            config.detection.model, catalogue, models, choice, on_progress, (), "detection", how
        )
        embedder = prepare(
            config.embedding.model, catalogue, models, choice, on_progress, (), "embedding", how
        )
        for prepared in (detector, embedder):
            prepared.engine.open()
            opened.callback(prepared.engine.close)
        networks = networks_of(config, detector, embedder)
        if footing.gpu is not None:
            networks = opened.enter_context(
                networks_on_gpu(config, networks, detector, embedder, footing.gpu)
            )
        return Recognition(networks, opened.pop_all(), footing.gpu)


def engine_choice(config: Config, *, live: bool = False) -> EngineChoice:
    """What runs the networks, and why. Raises BackendError."""
    keys = config.engine
    mode: Mode = "latency" if live else "throughput"
    if keys.mode != "auto":
        mode = keys.mode
    choice = choose(keys.backend, keys.precision, keys.require, keys.threads, keys.streams, mode, keys.gpu)
    return replace(choice, gpu_memory_bytes=keys.gpu_memory_mib << 20)


def networks_of(config: Config, detector: Prepared, embedder: Prepared) -> Networks:
    """The networks with what surrounds them: input sizes, normalisation, crop and quality."""
    keys = config.detection
    input_px = WHOLE_PX if keys.input_px == "auto" else keys.input_px
    streams = CenterFace(detector.engine, input_px, keys.low_score, keys.max_iou)
    photos = PhotoDetector(CenterFace(detector.engine, input_px, keys.min_score, keys.max_iou))
    fitted = detector.description.crop if config.alignment.crop == "fitted" else None
    crop = CropRule(
        size_px=input_side_of(config, embedder),
        margin_px=0.0,
        margin_fraction=config.alignment.margin_fraction,
        transform=None if fitted is None else BoxTransform(np.array(fitted.coefficients, np.float64)),
    )
    centre, embed = centre_of(embedder), embedder_of(config, embedder)
    recipe = repr(
        [
            *(_recipe(prepared) for prepared in (detector, embedder)),
            *(keys.min_score, keys.max_iou, crop.size_px, crop.margin_fraction, quality_recipe()),
            None if fitted is None else fitted.coefficients,
            None if centre is None else centre.tolist(),
            *(sha256_beside(embedder.description, "head"), embed.kept),
        ]
    )
    return Networks(
        *(streams, photos, embed, crop, judge, recipe, parts_of),
        reopen_detector=lambda: _reopen(detector.engine),
        reopen_embedder=lambda: _reopen(embedder.engine),
        close_embedder=embedder.engine.close,
        regions_pay=detector.engine.info.backend == "openvino",
        compatible_with=embedder.description.compatible_with,
    )


def input_side_of(config: Config, embedder: Prepared) -> int:
    """S, the side of the crops that the embedder takes. Raises BadInputError where models.yaml does not say it."""
    about = embedder.description.input
    if about is None or about.side_px is None:
        raise BadInputError(
            f"embedding.model {config.embedding.model}: its entry in models.yaml needs input.side_px"
        )
    return about.side_px


def embedder_of(config: Config, embedder: Prepared) -> Embedder:
    """The embedder on its engine, with its centre and as its vectors are kept. Raises EngineError."""
    about = embedder.description
    return Embedder(
        embedder.engine, about.model_id, config.embedding.max_batch, centre_of(embedder), about.kept
    )


def centre_of(embedder: Prepared) -> F32 | None:
    """The mean (D,) that is taken off the embedder's vectors, where models.yaml names one. Raises EngineError."""
    about = embedder.description
    return None if about.centre is None else read_centre(about.centre, about.dimension or 0)


@contextmanager
def networks_on_gpu(
    config: Config, networks: Networks, detector: Prepared, embedder: Prepared, gpu: SharedGpu
) -> Iterator[Networks]:
    """As `networks`, with frames and crops that stay on the GPU; photos come from the host.

    The engines are TensorRT's, and open, as the GPU is. Raises BackendError.
    """
    with on_gpu(config, gpu, detector, embedder, networks.crop, centre_of(embedder)) as there:
        yield replace(
            networks,
            frame_detector=there.detector,
            cut=there.cut,
            embedder=there.embedder,
            reopen_detector=there.reopen_detector,
            reopen_cut=there.reopen_cut,
            reopen_embedder=there.reopen_embedder,
            close_embedder=there.close_embedder,
        )


def _reopen(engine: Engine) -> None:
    """Make a request and a context anew that may be broken. Raises BackendError."""
    engine.close()
    engine.open()


def _recipe(prepared: Prepared) -> str:
    """What an engine was made of, what runs it, and how pixels are made its input."""
    about, info = prepared.description, prepared.engine.info
    built = installed_versions() if prepared.manifest is None else prepared.manifest.recipe
    return repr([built, about.files, about.network, about.input, info.backend, info.device, info.precision])
