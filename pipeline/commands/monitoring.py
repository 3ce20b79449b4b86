"""Watching cameras for as long as nobody says stop, for `monitor`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from config.cameras import Camera, cameras_path, check_camera
from engines.backends.choose import EngineChoice
from pipeline.assemble.camera_settings import CameraSettings, source_of
from pipeline.assemble.crew import Crew
from pipeline.assemble.embedders import Eye
from pipeline.assemble.gallery import open_store
from pipeline.assemble.monitor import Monitor, MonitorParts
from pipeline.assemble.publishing import redis_sink, spooled_sink
from pipeline.assemble.recognition import engine_choice, open_recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.assemble.run_models import Folders, model_follower
from pipeline.assemble.snapshots import snapshot_writer
from pipeline.assemble.strangers import side_of_cameras, strangers_of_cameras
from pipeline.assemble.watched_cameras import WatchedCameras, cameras_beside
from pipeline.capture.live.open_source import open_source
from pipeline.capture.naming import name_cameras
from pipeline.clock import SystemClock
from pipeline.commands.chores import erase_what_is_due, learn_seen_again
from pipeline.commands.context import Context
from pipeline.commands.machine import facestream_version
from pipeline.commands.model_rules import CommandRules
from pipeline.commands.output import EventPrinter, Tally, model_progress
from pipeline.commands.stranger_reach import stranger_reach
from pipeline.events.aside import AsideSink
from pipeline.events.by_mode import ByMode
from pipeline.events.close_left_open import close_left_open
from pipeline.events.corrections import publish_due
from pipeline.events.event import Mode
from pipeline.events.open_sightings import OpenSightings
from pipeline.events.spool.spooled_sink import SpooledSink
from pipeline.gallery.keeping.retention import EVERY
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.runtime.memory import give_back_memory, keep_what_is_loaded
from pipeline.runtime.repeating import Repeating
from pipeline.runtime.signals import ended_by_signals
from pipeline.web.server import HttpServer

CAMERAS_EVERY_S = 0.25
"""between two looks at the cameras file; a change shows well within a second"""

CORRECTIONS_EVERY_S = 60.0
"""between two looks whether past sightings were corrected meanwhile; the commands that do publish by themselves"""

RATES_EVERY_S = 1.0
"""between two looks at the counters that rates are made of: `status` shows them once a second"""

OPEN_EVERY_S = 1.0
"""between two notes on disk of what is open; newer events lie in the spool, for spool.keep_s"""

SEEN_AGAIN_EVERY_S = 2.0
"""between two looks whether somebody who is left behind was seen well: each asks the database, and only then"""

MEMORY_EVERY_S = 20.0
"""between two times that memory is given back: it takes some ten milliseconds"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MonitorRequest:
    """What `monitor` was asked to do."""

    sources: tuple[str, ...] = ()
    """cameras of this run, each ADDRESS or NAME=ADDRESS, besides those of the file"""


def run_monitor(context: Context, request: MonitorRequest) -> int:
    """Watch until a signal says stop; returns the exit code.

    Addresses, the cameras file, the port and Redis' address are looked at before the models are loaded. Raises
    BadInputError and ConfigError for what is wrong with those, OutsideError where another monitor runs or the port
    is taken, what models and gallery raise, and StageError where a stage has failed too often.
    """
    given = cameras_given(request.sources)
    check_file(context, given)
    engine = engine_choice(context.config, live=True)
    monitor = Monitor(context.config, facestream_version(), engine)
    # Signals are obeyed until everything is closed: a second one must not tear the gallery or our own Redis.
    with ExitStack() as last, ExitStack() as stack:
        spooled = spooled_sink(context.config, context.data)
        stack.enter_context(HttpServer(monitor, context.config.http.listen, context.data))
        tally = Tally()
        parts = assemble(context, monitor, engine, given, spooled, tally, stack)
        last.enter_context(ended_by_signals(parts.run.supervisor))
        watch(context, monitor, parts)
    context.say(f"watched until told to stop: {tally.sightings} sightings")
    return 0


def cameras_given(sources: Sequence[str]) -> tuple[Camera, ...]:
    """Cameras of the command line. Raises SourceError, ConfigError for what can never be one."""
    cameras = []
    for named in name_cameras(sources):
        open_source(named.source, named.camera).close()
        cameras.append(check_camera({"id": named.camera, "url": named.source}))
    return tuple(cameras)


def check_file(context: Context, given: Sequence[Camera]) -> None:
    """See that the cameras file, where there is one, can be read: a mistake in it is told at once at the start.

    Raises ConfigError.
    """
    path = cameras_path(context.config.cameras.file, context.data)
    if path.exists() or context.config.cameras.file is not None:
        cameras_beside(path, given)
    elif not given:
        log.warning("there is no camera yet; add one: python run_pipeline.py cameras add ID URL")


def assemble(
    context: Context,
    monitor: Monitor,
    engine: EngineChoice,
    given: Sequence[Camera],
    spooled: SpooledSink,
    tally: Tally,
    stack: ExitStack,
) -> MonitorParts:
    """Everything that runs, ready to start; `stack` closes it."""
    config, data = context.config, context.data
    if config.capture.decoder != "software":
        log.warning(
            "capture.decoder=%s is for recordings: cameras are decoded in software", config.capture.decoder
        )
    monitor.say("loading the models")
    with model_progress(context) as on_progress:
        recognition = stack.enter_context(
            open_recognition(config, context.models, on_progress, choice=engine)
        )
    monitor.say("loading the gallery")
    store = stack.enter_context(open_store(config, data))
    rules = CommandRules(context)
    follower = stack.enter_context(
        model_follower(
            *(config, Folders(context.models, data), store, recognition, engine, rules),
            live=True,
            auto=context.auto_model,
        )
    )
    gallery = follower.begin(config.embedding.model)
    if not gallery.replica.people:
        log.warning("nobody is enrolled, so everybody will be unknown; see 'enroll --help'")
    strangers = strangers_of_cameras(config, store, recognition, stranger_reach(config, data))

    def meet_strangers(eye: Eye) -> None:
        own, reach = rules.config_of(eye.model), rules.reach(eye.model)
        strangers.expect(eye.recognition.model_id, side_of_cameras(own, store, eye.recognition, reach))

    follower.before_a_change(meet_strangers)
    pictures = snapshot_writer(config, data, Mode.LIVE)
    if pictures is not None:
        stack.enter_context(pictures)
    runs: dict[str, str] = {}
    opened = OpenSightings(data / "open_sightings.jsonl", runs)
    plan = RunPlan(
        mode=Mode.LIVE,
        runs=runs,
        in_order=False,
        sinks=[spooled, opened, AsideSink(EventPrinter(context), "standard output"), tally],
        observers=monitor.observers,
        strangers=strangers,
        snapshots=pictures,
        lists_of=monitor.lists_of,
        models=gallery,
    )
    run = build_run(config, recognition, gallery, plan)
    assert run.pace is not None, "a live run has a pace"
    settings = CameraSettings(config, run.pace)
    crew = Crew(run.supervisor, lambda camera: source_of(config, camera), settings, runs)
    cameras = WatchedCameras(cameras_path(config.cameras.file, data), given, crew)
    return MonitorParts(run, run.pace, crew, settings, cameras, follower, store, spooled, opened, pictures)


def watch(context: Context, monitor: Monitor, parts: MonitorParts) -> None:
    """Run, with what has to be done beside it, until it is drained or a stage ends it. Raises StageError."""

    def follow_cameras() -> None:
        parts.cameras.look()
        parts.crew.step()

    chores = (
        Repeating("cameras", CAMERAS_EVERY_S, follow_cameras),
        Repeating("models", context.config.gallery.follow_s, parts.follower.step),
        Repeating("seen again", SEEN_AGAIN_EVERY_S, lambda: meet_again(context, parts)),
        Repeating("rates", RATES_EVERY_S, monitor.sample),
        Repeating("open sightings", OPEN_EVERY_S, parts.opened.write),
        Repeating("memory", MEMORY_EVERY_S, give_back_memory),
        Repeating("corrections", CORRECTIONS_EVERY_S, lambda: correct(context, parts)),
        Repeating(
            "retention",
            EVERY.total_seconds(),
            lambda: erase_what_is_due(context, parts.store),
            at_once=True,
        ),
    )
    with parts.run.supervisor as supervisor, ExitStack() as beside:
        supervisor.start([])
        monitor.begin(parts)
        keep_what_is_loaded()
        close_left_open(parts.opened, parts.spooled, Sightings(parts.store.database), SystemClock().now())
        parts.cameras.load()
        for chore in chores:
            beside.enter_context(chore)
        supervisor.wait()


def meet_again(context: Context, parts: MonitorParts) -> None:
    """Make templates of sightings of people who are left behind. Raises StoreError, GalleryError."""
    force = parts.follower.models.force
    if force.behind is not None:
        learn_seen_again(context, parts.store, force.served.eye.recognition)


def correct(context: Context, parts: MonitorParts) -> None:
    """Publish corrections of past sightings. Raises StoreError, BrokerError."""
    sink = ByMode(parts.spooled, redis_sink(context.config, context.data))
    publish_due(Sightings(parts.store.database), sink, SystemClock().now())
