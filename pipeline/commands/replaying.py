"""Running recordings through the whole pipeline, for `replay` and `demo`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from config.schema import Config
from pipeline.assemble.embedders import Eye
from pipeline.assemble.gallery import open_store
from pipeline.assemble.publishing import redis_sink
from pipeline.assemble.recognition import Recognition, engine_choice, open_footing, open_recognition
from pipeline.assemble.run import Run, RunPlan, build_run
from pipeline.assemble.run_models import Folders, model_follower
from pipeline.assemble.serving import ServedModels
from pipeline.assemble.snapshots import snapshot_writer
from pipeline.assemble.strangers import ReplayStrangers, side_of_replay, strangers_of_replay
from pipeline.capture.file import FileSource
from pipeline.capture.naming import name_cameras
from pipeline.capture.nvdec import FileDecoding
from pipeline.capture.overlay import Drawn, annotate, face_label
from pipeline.capture.pynvvideocodec import NvdecDecoder
from pipeline.capture.source import SourceInfo
from pipeline.commands.chores import do_chores
from pipeline.commands.context import Context
from pipeline.commands.model_rules import CommandRules
from pipeline.commands.output import EventPrinter, RunProgress, Tally, model_progress
from pipeline.commands.written_files import annotated_files, check_summary, write_summary
from pipeline.device.shared import SharedGpu
from pipeline.errors import BrokenRecordingError, SourceError
from pipeline.events.event import Mode
from pipeline.events.pictures.snapshots import SnapshotWriter
from pipeline.events.sink import EventSink
from pipeline.events.trace import Trace, TracedFace
from pipeline.gallery.keeping.pictures_named import pictures_of_runs
from pipeline.gallery.keeping.snapshots import delete_pictures
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.storage.store import Store
from pipeline.matching.stage import Search
from pipeline.runtime.measuring.metrics import MetricsSummary
from pipeline.runtime.repeating import Repeating
from pipeline.runtime.signals import ended_by_signals
from pipeline.runtime.supervisor import RunReport

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 25.0
"""of an annotated video whose recording does not say its own"""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What `replay` was asked to do."""

    videos: tuple[str, ...]
    """files, each FILE or CAMERA=FILE"""
    realtime: bool = False
    start_s: float | None = None
    end_s: float | None = None
    started_at: datetime | None = None
    annotate: Path | None = None
    summary: Path | None = None
    keep: bool = True
    """its sightings, in place of what an earlier replay of the same recordings kept, and their pictures, where
    snapshots.replay asks for some"""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was opened."""

    source: FileSource
    info: SourceInfo


@dataclass(frozen=True, slots=True)
class Played:
    """How a replay went."""

    report: RunReport
    metrics: MetricsSummary
    interrupted: bool
    """a signal asked it to end early"""

    @property
    def exit_code(self) -> int:
        """0, or 3 where a recording broke off or the replay was ended early."""
        return 3 if self.report.problems or self.interrupted or not self.report.complete else 0


@dataclass(slots=True)
class _Interruptions:
    """Passes a signal's wish on to the run, and remembers it."""

    run: Run
    asked: bool = field(default=False)

    def drain(self) -> None:
        """Let everything in flight go through."""
        self.asked = True
        self.run.supervisor.drain()

    def stop(self) -> None:
        """End now."""
        self.asked = True
        self.run.supervisor.stop()


def run_replay(context: Context, request: ReplayRequest, sinks: Sequence[EventSink] = ()) -> int:
    """Replay recordings and publish their events, to `sinks` too; returns the exit code.

    Recordings are opened first, so that a bad file is told before the models are loaded. Raises SourceError
    for one that cannot be read at all, and what the models, the gallery and Redis raise.
    """
    tally = Tally()
    with ExitStack() as stack:
        footing = stack.enter_context(open_footing(engine_choice(context.config)))
        recordings = open_recordings(context, request, stack, footing.gpu)
        watched = [r.source.path for r in recordings]
        outputs = annotated_files(request.annotate, [r.source.camera for r in recordings], watched)
        if request.summary is not None:
            check_summary(request.summary, [*watched, *outputs.values()])
        with model_progress(context) as on_progress:
            recognition = stack.enter_context(
                open_recognition(context.config, context.models, on_progress, on=footing)
            )
        store = stack.enter_context(open_store(context.config, context.data))
        do_chores(context, store)
        rules, folders = CommandRules(context), Folders(context.models, context.data)
        follower = stack.enter_context(
            model_follower(
                *(context.config, folders, store, recognition, footing.choice, rules),
                live=request.realtime,
                auto=request.realtime and context.auto_model,
            )
        )
        gallery = follower.begin(context.config.embedding.model)
        if not gallery.replica.people:
            log.warning("nobody is enrolled, so everybody will be unknown; see 'enroll --help'")
        published = redis_sink(context.config, context.data)
        told: list[EventSink] = [published, EventPrinter(context), *sinks, tally]
        traces = [Trace(camera) for camera in outputs]
        runs = [RunOfCamera(r.source.camera, r.info.recording_id) for r in recordings]
        reach = rules.reach(context.config.embedding.model)
        strangers = strangers_of_replay(context.config, store, recognition, reach, runs)

        def meet_strangers(eye: Eye) -> None:
            own, reach = rules.config_of(eye.model), rules.reach(eye.model)
            side = side_of_replay(own, store, eye.recognition, reach, runs)
            strangers.ids.expect(eye.recognition.model_id, side)

        follower.before_a_change(meet_strangers)
        if request.realtime:
            stack.enter_context(Repeating("models", context.config.gallery.follow_s, follower.step))
        writer = snapshot_writer(context.config, context.data, Mode.REPLAY) if request.keep else None
        with writer if writer is not None else nullcontext():
            played = play(
                context, recordings, recognition, gallery, told, traces, request.realtime, strangers, writer
            )
        if request.keep:
            _keep(context, store, strangers)
        if writer is not None and writer.state().problem is not None:
            context.say(f"facestream: not all pictures were kept: {writer.state().problem}")
    say_how_it_went(context, played, tally)
    if request.summary is not None:
        write_summary(request.summary, played.metrics, tally)
    for trace in traces:
        annotate_recording(context, request, trace, outputs[trace.camera])
        context.say(f"{trace.camera} with boxes and names: {outputs[trace.camera]}")
    return played.exit_code


def _keep(context: Context, store: Store, strangers: ReplayStrangers) -> None:
    """The sightings of a replay, in place of an earlier one's: its pictures that nobody names any more go too."""
    before = pictures_of_runs(store.database, context.data, strangers.runs)
    strangers.put_in_place(store)
    delete_pictures(before - pictures_of_runs(store.database, context.data, strangers.runs))


def open_recordings(
    context: Context, request: ReplayRequest, stack: ExitStack, gpu: SharedGpu | None
) -> list[Recording]:
    """Every recording, opened; `stack` closes them, before the GPU of their frames is closed.

    Raises SourceError for the first that cannot be read, OutsideError where it cannot be decoded as asked for.
    """
    recordings = []
    decoding = decoding_on(context.config, gpu)
    for camera, path in name_cameras(request.videos):
        if "://" in path and not Path(path).exists():
            raise SourceError(f"{path}: is an address; replay reads files, so record it to one first")
        source = source_of(context, request, camera, Path(path), decoding)
        stack.callback(source.close)
        recordings.append(Recording(source, source.open()))
    return recordings


def decoding_on(config: Config, gpu: SharedGpu | None) -> FileDecoding:
    """What decodes recordings; why "auto" means software is said here."""
    make = partial(NvdecDecoder, gpu=config.engine.gpu)
    return FileDecoding(config.capture.decoder, gpu, make).probed()


def source_of(
    context: Context,
    request: ReplayRequest,
    camera: str,
    path: Path,
    decoding: FileDecoding,
) -> FileSource:
    """A recording as asked for, not yet open."""
    return decoding.source(
        path,
        camera,
        start_s=request.start_s,
        end_s=request.end_s,
        started_at=request.started_at,
        realtime=request.realtime,
        threads=context.config.runtime.decoder_threads,
    )


def play(
    context: Context,
    recordings: Sequence[Recording],
    recognition: Recognition,
    gallery: Search,
    sinks: Sequence[EventSink],
    traces: Sequence[Trace],
    realtime: bool,
    strangers: ReplayStrangers | None = None,
    snapshots: SnapshotWriter | None = None,
) -> Played:
    """Run recordings through the pipeline until they end, break off or a signal asks to end."""
    with context.progress() as bars:
        watching = RunProgress(bars, _seconds(recordings))
        plan = RunPlan(
            mode=Mode.REPLAY,
            runs={r.source.camera: r.info.recording_id for r in recordings},
            in_order=not realtime,
            sinks=sinks,
            observers=(watching, *traces),
            strangers=None if strangers is None else strangers.ids,
            snapshots=snapshots,
            models=gallery if isinstance(gallery, ServedModels) else None,
        )
        run = build_run(context.config, recognition, gallery, plan)
        interruptions = _Interruptions(run)
        with ended_by_signals(interruptions), run.supervisor as supervisor:
            supervisor.start([r.source for r in recordings])
            report = supervisor.wait()
    return Played(report, run.metrics.summary(), interruptions.asked)


def say_how_it_went(context: Context, played: Played, tally: Tally) -> None:
    """The problems, a line each, and one line of counts, on standard error."""
    for problem in played.report.problems:
        context.say(f"facestream: {problem.error}")
    if played.interrupted:
        context.say("facestream: ended early by a signal; events up to there were published")
    metrics = played.metrics
    context.say(
        f"{metrics.frames} frames in {metrics.seconds:.1f} s ({metrics.fps:.0f} fps), {metrics.faces} faces "
        f"in {metrics.frames_looked} looks, {metrics.embeddings} embeddings, {tally.sightings} sightings, "
        f"people named: {tally.identities}"
    )


def annotate_recording(context: Context, request: ReplayRequest, trace: Trace, path: Path) -> None:
    """Read a recording again and write it with boxes and names, as its sightings ended.

    A recording that breaks off is annotated up to there.
    """
    file = dict(name_cameras(request.videos))[trace.camera]
    again = ReplayRequest((), False, request.start_s, request.end_s)
    # In software, which gives the same frames: every one of them is drawn on by the processor.
    source = source_of(context, again, trace.camera, Path(file), FileDecoding())
    info = source.open()
    try:
        with context.progress() as bars:
            task = bars.add_task(f"writing {path.name}", total=trace.frames)
            annotate(
                source.frames(),
                map(_drawn, trace.faces()),
                path,
                info.rate_from_header_hz or DEFAULT_RATE_HZ,
                lambda done: bars.update(task, completed=done),
            )
    except BrokenRecordingError:
        log.warning("%s: annotated up to where the recording breaks off", path)
    finally:
        source.close()


def _drawn(face: TracedFace) -> Drawn:
    x0, y0, x1, y1 = face.box.tolist()
    label = face_label(face.name, face.distance, face.number)
    return Drawn(face.frame_index, (x0, y0, x1, y1), label, face.name is not None, face.observed)


def _seconds(recordings: Sequence[Recording]) -> float | None:
    """Of all recordings together, as their headers claim."""
    claimed = [r.info.duration_from_header_s for r in recordings]
    return None if None in claimed else sum(s for s in claimed if s is not None)
