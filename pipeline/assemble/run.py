"""A run: the threads from the first queue to the sinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config.schema import Config
from pipeline.alignment.gate import GateRules
from pipeline.alignment.stage import AlignmentStage
from pipeline.assemble.pace import Pace, Queues, live_pace, queues_of
from pipeline.assemble.recognition import Networks, Recognition
from pipeline.assemble.serving import ServedModels
from pipeline.clock import SystemClock
from pipeline.detection.input_size import InputSize
from pipeline.detection.regions import GazeRules
from pipeline.detection.rules import RuleBook
from pipeline.detection.stage import DetectionStage
from pipeline.embedding.in_force import OneEmbedder
from pipeline.embedding.stage import EmbeddingStage
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.merge import PtsMerge
from pipeline.events.pictures.pictures import KeepsPictures, Pictures
from pipeline.events.pictures.shots import ShotBoard
from pipeline.events.publish import Observe, PublishingStage
from pipeline.events.sighting import SightingRules
from pipeline.events.sink import EventSink
from pipeline.events.stage import EventContext, LifecycleStage
from pipeline.events.strangers.strangers import StrangerIds
from pipeline.matching.stage import ListsOf, MatchingStage, OneGallery, Search, everybody
from pipeline.runtime.feedback import FeedbackBoard
from pipeline.runtime.gathering import Gather, shares_of_lag
from pipeline.runtime.line import Step
from pipeline.runtime.measuring.metrics import Metrics
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.supervisor import Supervisor
from pipeline.runtime.worker import WorkerHook
from pipeline.tracking.stage import TrackingStage
from pipeline.types import Aligned

GATHERED_FRAMES = 128
"""of all recordings of a plain replay, whose crops may wait for each other; most have none, and none holds its image"""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is to do, besides what the configuration says."""

    mode: Mode
    runs: Mapping[str, str]
    """camera -> run, a part of every sighting_id: random when live, a hash of the recording in a replay. When live
    it may gain cameras while it runs, each before its first frame"""
    in_order: bool
    """events of all cameras in the order of their pts (a plain replay), or as they come"""
    sinks: Sequence[EventSink]
    observers: Sequence[Observe] = ()
    strangers: StrangerIds | None = None
    """None: every unknown face has an id of its own, and no sighting is kept"""
    snapshots: KeepsPictures | None = None
    """where pictures of sightings are written, open as long as the run; None: nowhere"""
    rules: RuleBook | None = None
    """live: what each camera is asked for, which may change while it runs; None: what the configuration says"""
    lists_of: ListsOf = everybody
    """camera -> watchlists whose people are searched for it, which may change while it runs"""
    hooks: Sequence[WorkerHook] = ()
    """told of all that the workers do, too"""
    models: ServedModels | None = None
    """what the embedder and its gallery may be changed for while it runs, and who is left behind; None: they stay what
    the run is given, and nobody is"""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is about to run."""

    supervisor: Supervisor
    metrics: Metrics
    pace: Pace | None
    """of a live run: who is looked at how often, and how long it takes"""
    state_of: Callable[[str], IdentityEvent | None]
    """sighting_id -> what an event would say now of a sighting that is open; on any thread"""
    going_on: Callable[[], Mapping[str, int]]
    """sightings that are open, by camera; on any thread"""


def build_run(config: Config, recognition: Recognition, gallery: Search, plan: RunPlan) -> Run:
    """The threads of a run, from the first queue to the sinks, ready for `supervisor.start(sources)`."""
    pace = live_pace(config, plan.rules, PublishingStage.name) if plan.mode is Mode.LIVE else None
    return build_paced_run(config, recognition, gallery, plan, queues_of(config, plan.mode), pace)


def build_paced_run(
    config: Config,
    recognition: Recognition,
    gallery: Search,
    plan: RunPlan,
    queues: Queues,
    pace: Pace | None,
) -> Run:
    """As `build_run`, with queues and a pace of the caller's: for measuring what they are worth."""
    board = FeedbackBoard(exact=plan.mode is Mode.REPLAY)
    fan_in = queues.fan_in(pace)
    metrics = Metrics(last=PublishingStage.name if plan.mode is Mode.LIVE else None)
    steps = _steps(config, recognition, gallery, plan, board, queues, pace)
    supervisor = Supervisor(
        fan_in,
        steps,
        # What knows how long frames took comes before what asks it.
        hooks=(metrics, *(() if pace is None else (pace.timings, pace.admission)), *plan.hooks),
        abortables=(board,),
        admit=None if pace is None else pace.admission,
        drain_timeout_s=config.runtime.drain_timeout_s,
        ends_with_sources=plan.mode is Mode.REPLAY,
        restarts=restart_rules(config) if plan.mode is Mode.LIVE else None,
    )
    metrics.watch(fan_in, *supervisor.channels)
    if pace is not None:
        pace.admission.watch(pace.timings.take_waits_ms, lambda: sum(fan_in.dropped().values()))
    (decide,) = (step.stage for step in steps if isinstance(step.stage, LifecycleStage))
    return Run(supervisor, metrics, pace, decide.state_of, decide.going_on)


def _steps(
    config: Config,
    recognition: Recognition,
    gallery: Search,
    plan: RunPlan,
    board: FeedbackBoard,
    queues: Queues,
    pace: Pace | None,
) -> list[Step]:
    networks, detection, embedding = recognition.networks, config.detection, config.embedding
    matching, queued = config.matching, queues.items
    context = EventContext(
        mode=plan.mode,
        runs=plan.runs,
        detector=detection.model,
        embedder=recognition.model_id,
        candidates=matching.candidates,
        candidate_distance=matching.candidate_distance,
        now=None if plan.mode is Mode.REPLAY else SystemClock().now,
        timings=None if pace is None else pace.timings_ms,
    )
    shots, pictures = None, None
    if plan.snapshots is not None:
        shots = ShotBoard() if plan.mode is Mode.LIVE else ShotBoard(max_bytes=None)
        pictures = Pictures(shots, plan.snapshots)
    align = AlignmentStage(
        networks.cut or networks.crop.cut if plan.models is None else plan.models.cut,
        networks.judge,
        gate_rules(config),
        board,
        config.sightings.feedback_lag_frames,
        networks.crop.size_px,
        networks.parts,
        shots,
        networks.reopen_cut if plan.models is None else plan.models.reopen_cut,
    )
    merge = PtsMerge(plan.runs) if plan.in_order else None
    embed = EmbeddingStage(plan.models or OneEmbedder(networks.embedder, networks.reopen_embedder))
    match = MatchingStage(
        plan.models or OneGallery(gallery),
        matching.best_shots,
        matching.candidates,
        matching.handover_distance,
        plan.lists_of,
    )
    decide = LifecycleStage(sighting_rules(config, gallery.state.max_distance), context, board, pictures)
    publish = PublishingStage(plan.sinks, merge, config.sightings.gap_s, plan.observers, plan.strangers)
    shares = shares_of_lag(config.sightings.feedback_lag_frames)
    gather = Gather(_crops_of, embedding.max_batch, shares.gathered) if plan.in_order else None
    at_once = embedding.max_batch if gather is None else GATHERED_FRAMES
    return [
        Step(detection_stage(config, networks, pace), detection.max_batch),
        Step(tracking_stage(config, pace), queued, queued),
        # The gate must not wait for a frame of its own batch, nor for one that waits for more crops.
        Step(align, min(queued, shares.asking), queued),
        Step(embed, at_once, queued, queues.fill_s, gather),
        Step(match, queued, queued),
        Step(decide, queued, queued),
        Step(publish, queued, queued),
    ]


def _crops_of(item: Aligned) -> int:
    return len(item.rows)


def restart_rules(config: Config) -> RestartRules:
    """How often a stage of a live run is started again."""
    return RestartRules(config.runtime.max_restarts, config.runtime.restart_window_s)


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
        min_quality=config.embedding.min_quality,
    )


def detection_stage(config: Config, networks: Networks, pace: Pace | None) -> DetectionStage:
    """Looks by the frames' time in a replay; live, at every frame that was admitted, with its camera's rules."""
    keys = config.detection
    size = InputSize(keys.min_face_px, None if keys.input_px == "auto" else keys.input_px)
    regions = GazeRules(keys.full_look_s, keys.min_score) if keys.regions and networks.regions_pay else None
    detector = networks.frame_detector or networks.detector
    if pace is None:
        return DetectionStage(detector, keys.rate_hz, size, regions)
    return DetectionStage(detector, None, size, regions, pace.rules.of, networks.reopen_detector)


def tracking_stage(config: Config, pace: Pace | None) -> TrackingStage:
    """Tracking with the configuration's limits, or each camera's."""
    detection, tracking = config.detection, config.tracking
    return TrackingStage(
        min_score=detection.min_score,
        min_iou=tracking.min_iou,
        min_iou_low=tracking.min_iou_low,
        max_lost_s=tracking.max_lost_s,
        min_looks=tracking.min_looks,
        min_face_px=lambda camera: (
            detection.min_face_px if pace is None else pace.rules.of(camera).min_face_px
        ),
        follow_from=tracking.follow_from,
    )
