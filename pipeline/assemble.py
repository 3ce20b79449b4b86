"""Puts the parts together: beside the commands, the only file that knows the configuration.

configuration ─> Recognition (the networks, open: detector, embedder, crop, quality)
              ─> Store, Replica (the gallery)
              ─> a run: capture ─> detect ─> track ─> align ─> embed ─> match ─> decide ─> publish
                                                ^                                  │
                                                └───────── feedback board ─────────┘
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from config.schema import Config
from config.secrets import mask
from engines.backends.choose import EngineChoice, choose
from engines.centre import read_centre
from engines.manifest import installed_versions
from engines.prepare import Prepared, prepare
from engines.preprocess import Standardise
from engines.progress import OnProgress
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import CropRule
from pipeline.alignment.gate import GateRules
from pipeline.alignment.quality import JudgeParts, judge, no_parts, parts_of, quality_recipe
from pipeline.alignment.stage import AlignmentStage, Judge
from pipeline.arrays import U8
from pipeline.clock import SystemClock
from pipeline.detection.centerface import CenterFace
from pipeline.detection.photo import PhotoDetector
from pipeline.detection.stage import DetectionStage, Detector
from pipeline.embedding.embedder import Embedder
from pipeline.embedding.stage import EmbeddingStage
from pipeline.errors import BadInputError
from pipeline.events.broker import Broker, choose_broker
from pipeline.events.event import Mode
from pipeline.events.merge import PtsMerge
from pipeline.events.publish import Observe, PublishingStage
from pipeline.events.redis_sink import RedisSink
from pipeline.events.sighting import SightingRules
from pipeline.events.sink import EventSink
from pipeline.events.stage import EventContext, LifecycleStage
from pipeline.gallery.choose import choose_index
from pipeline.gallery.recogniser import Described, Recogniser
from pipeline.gallery.replica import Replica
from pipeline.gallery.store import Store
from pipeline.matching.stage import MatchingStage, Search
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.feedback import FeedbackBoard
from pipeline.runtime.metrics import Metrics
from pipeline.runtime.supervisor import Step, Supervisor
from pipeline.tracking.stage import TrackingStage
from pipeline.types import Faces, Frame

log = logging.getLogger(__name__)

CATALOGUE_FILE = Path(__file__).resolve().parent.parent / "config" / "models.yaml"


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


class Recognition:
    """Detector and embedder, ready to run, for streams and for single photos."""

    def __init__(self, networks: Networks, close: ExitStack | None = None) -> None:
        self.networks = networks
        self._close = close or ExitStack()

    @property
    def model_id(self) -> str:
        """Of the vectors."""
        return self.networks.embedder.model_id

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


def open_recognition(config: Config, models: Path, on_progress: OnProgress) -> Recognition:
    """Fetch, build and open what the configuration names; slow the first time.

    Raises EngineError where a model or an engine cannot be had.
    """
    choice = engine_choice(config)
    log.info("engine: %s on %s, %s (%s)", choice.backend, choice.device, choice.precision, choice.reason)
    catalogue = read_catalogue(CATALOGUE_FILE)
    with ExitStack() as opened:
        detector = prepare(config.detection.model, catalogue, models, choice, on_progress, role="detection")
        embedder = prepare(config.embedding.model, catalogue, models, choice, on_progress, role="embedding")
        for prepared in (detector, embedder):
            prepared.engine.open()
            opened.callback(prepared.engine.close)
        return Recognition(networks_of(config, detector, embedder), opened.pop_all())


def engine_choice(config: Config) -> EngineChoice:
    """What runs the networks, and why. Raises BackendError."""
    keys = config.engine
    return choose(keys.backend, keys.precision, keys.require, keys.threads)


def networks_of(config: Config, detector: Prepared, embedder: Prepared) -> Networks:
    """The networks with what surrounds them: input sizes, normalisation, crop and quality."""
    keys, about = config.detection, embedder.description.input
    if about is None or about.side_px is None:
        raise BadInputError(
            f"embedding.model {config.embedding.model}: its entry in models.yaml needs input.side_px"
        )
    streams = CenterFace(detector.engine, keys.input_px, keys.low_score, keys.max_iou)
    photos = PhotoDetector(CenterFace(detector.engine, keys.input_px, keys.min_score, keys.max_iou))
    fitted = detector.description.crop if config.alignment.crop == "fitted" else None
    crop = CropRule(
        size_px=about.side_px,
        margin_px=0.0,
        margin_fraction=config.alignment.margin_fraction,
        transform=None if fitted is None else BoxTransform(np.array(fitted.coefficients, np.float64)),
    )
    standardise = Standardise(about.mean, about.scale, about.colour)
    centre = None
    if embedder.description.centre is not None:
        centre = read_centre(embedder.description.centre, embedder.description.dimension or 0)
    model_id, max_batch = embedder.description.model_id, config.embedding.max_batch
    embed = Embedder(embedder.engine, standardise, model_id, max_batch, centre)
    recipe = repr(
        [
            *(_recipe(prepared) for prepared in (detector, embedder)),
            *(keys.min_score, keys.max_iou, crop.size_px, crop.margin_fraction, quality_recipe()),
            None if fitted is None else fitted.coefficients,
            None if centre is None else centre.tolist(),
        ]
    )
    return Networks(streams, photos, embed, crop, judge, recipe, parts_of)


def _recipe(prepared: Prepared) -> str:
    """What an engine was made of, what runs it, and how pixels are made its input."""
    about, info = prepared.description, prepared.engine.info
    built = installed_versions() if prepared.manifest is None else prepared.manifest.recipe
    return repr([built, about.files, about.network, about.input, info.backend, info.device, info.precision])


@contextmanager
def open_store(config: Config, data: Path) -> Iterator[Store]:
    """The gallery on disk, open. Raises StoreError, GalleryError."""
    url = config.gallery.url
    with Store(data, None if url is None else url.reveal()) as store:
        yield store


def redis_broker(config: Config, data: Path) -> Broker:
    """The Redis that redis.url names, or one of our own below `data`. Starts nothing yet."""
    url = None if config.redis.url is None else config.redis.url.reveal()
    return choose_broker(url, "" if url is None else mask(url), data)


def redis_sink(config: Config, data: Path) -> RedisSink:
    """Publishes to Redis; opened by the run."""
    keys = config.redis
    return RedisSink(redis_broker(config, data), keys.stream, keys.replay_stream, keys.max_events)


def load_gallery(config: Config, store: Store, recogniser: Recogniser) -> Replica:
    """The gallery in memory, searchable with this recogniser's vectors."""
    index = choose_index(config.matching.index, recogniser.dimension)
    return Replica.load(store, recogniser.model_id, index)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is to do, besides what the configuration says."""

    mode: Mode
    runs: Mapping[str, str]
    """camera -> run, a part of every sighting_id: random when live, a hash of the recording in a replay"""
    in_order: bool
    """events of all cameras in the order of their pts (a plain replay), or as they come"""
    sinks: Sequence[EventSink]
    observers: Sequence[Observe] = ()
    max_distance: float = field(kw_only=True)
    """names are given below this squared L2 distance: pipeline.commands.thresholds"""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is about to run."""

    supervisor: Supervisor
    metrics: Metrics


def build_run(config: Config, recognition: Recognition, gallery: Search, plan: RunPlan) -> Run:
    """The threads of a run, from the first queue to the sinks, ready for `supervisor.start(sources)`."""
    board = FeedbackBoard(exact=plan.mode is Mode.REPLAY)
    overflow = Overflow.BLOCK if plan.mode is Mode.REPLAY else Overflow.DROP_OLDEST
    fan_in: FanIn[Frame] = FanIn(config.runtime.frames_queued, overflow, "frames")
    metrics = Metrics()
    supervisor = Supervisor(
        fan_in,
        _steps(config, recognition, gallery, plan, board),
        hooks=(metrics,),
        abortables=(board,),
        drain_timeout_s=config.runtime.drain_timeout_s,
        ends_with_sources=plan.mode is Mode.REPLAY,
    )
    metrics.watch(fan_in, *supervisor.channels)
    return Run(supervisor, metrics)


def _steps(
    config: Config, recognition: Recognition, gallery: Search, plan: RunPlan, board: FeedbackBoard
) -> list[Step]:
    networks, detection, embedding = recognition.networks, config.detection, config.embedding
    matching, queued = config.matching, config.runtime.items_queued
    fill_s = embedding.max_wait_ms / 1000 if plan.mode is Mode.LIVE else 0.0
    context = EventContext(
        mode=plan.mode,
        runs=plan.runs,
        threshold=plan.max_distance,
        detector=detection.model,
        embedder=recognition.model_id,
        candidates=matching.candidates,
        candidate_distance=matching.candidate_distance,
        now=None if plan.mode is Mode.REPLAY else SystemClock().now,
    )
    align = AlignmentStage(
        networks.crop.crops,
        networks.judge,
        gate_rules(config),
        board,
        config.sightings.feedback_lag_frames,
        networks.crop.size_px,
    )
    merge = PtsMerge(plan.runs) if plan.in_order else None
    match = MatchingStage(gallery, matching.best_shots, matching.candidates, matching.handover_distance)
    publish = PublishingStage(plan.sinks, merge, config.sightings.gap_s, plan.observers)
    return [
        Step(DetectionStage(networks.detector, detection.rate_hz), detection.max_batch),
        Step(tracking_stage(config), queued, queued),
        # A batch no longer than the lag: the gate must not wait for a frame of its own batch.
        Step(align, min(queued, config.sightings.feedback_lag_frames), queued),
        Step(EmbeddingStage(networks.embedder), embedding.max_batch, queued, fill_s),
        Step(match, queued, queued),
        Step(LifecycleStage(sighting_rules(config, plan.max_distance), context, board), queued, queued),
        Step(publish, queued, queued),
    ]


def gate_rules(config: Config) -> GateRules:
    """When a face earns an embedding."""
    keys = config.embedding
    return GateRules(keys.min_quality, keys.first_shots, keys.better_by, keys.recheck_s, keys.recheck_known_s)


def sighting_rules(config: Config, max_distance: float) -> SightingRules:
    """When a sighting is named, published and closed."""
    matching, sightings = config.matching, config.sightings
    return SightingRules(
        max_distance=max_distance,
        min_margin=matching.min_margin,
        keep_margin=matching.keep_margin,
        decide_after_s=sightings.decide_after_s,
        min_shots=sightings.min_shots,
        gap_s=sightings.gap_s,
        rejoin_distance=sightings.rejoin_distance,
        min_seen_s=sightings.min_seen_s,
        update_quality_by=sightings.update_quality_by,
    )


def tracking_stage(config: Config) -> TrackingStage:
    """Tracking with the configuration's limits."""
    detection, tracking = config.detection, config.tracking
    return TrackingStage(
        min_score=detection.min_score,
        min_iou=tracking.min_iou,
        min_iou_low=tracking.min_iou_low,
        max_lost_s=tracking.max_lost_s,
        min_looks=tracking.min_looks,
        min_face_px=detection.min_face_px,
    )
