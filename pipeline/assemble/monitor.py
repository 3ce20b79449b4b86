"""A monitor as it is asked from outside: by HTTP, and through it by `status`, `cameras` and `why`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from config.schema import Config
from engines.backends.choose import EngineChoice
from pipeline.assemble.camera_settings import CameraSettings
from pipeline.assemble.crew import Crew
from pipeline.assemble.explaining import explained
from pipeline.assemble.model_following import ModelFollower
from pipeline.assemble.monitor_readings import (
    engine_readings,
    left_behind,
    sighting_counts,
    source_readings,
    spool_reading,
)
from pipeline.assemble.monitor_status import (
    camera_counters,
    camera_statuses,
    model_status,
    spool_status,
    stage_statuses,
)
from pipeline.assemble.pace import Pace
from pipeline.assemble.rates import Rates
from pipeline.assemble.run import Run
from pipeline.assemble.serving import ServedModels
from pipeline.assemble.watched_cameras import WatchedCameras
from pipeline.errors import OutsideError
from pipeline.events.open_sightings import OpenSightings
from pipeline.events.pictures.snapshots import SnapshotWriter
from pipeline.events.publish import Observe
from pipeline.events.spool.spool_state import SpoolDrops, SpoolState
from pipeline.events.spool.spooled_sink import SpooledSink
from pipeline.events.why.funnel import FunnelCounts
from pipeline.gallery.storage.store import Store
from pipeline.runtime.measuring.exposition import registry_of
from pipeline.runtime.measuring.readings import GalleryReading, MonitorReadings
from pipeline.web.monitored import (
    CamerasApplied,
    Explanation,
    GalleryStatus,
    LatencyStatus,
    MonitorStatus,
)


@dataclass(frozen=True, slots=True)
class MonitorParts:
    """What a monitor is made of, once it is loaded."""

    run: Run
    pace: Pace
    crew: Crew
    settings: CameraSettings
    cameras: WatchedCameras
    follower: ModelFollower
    store: Store
    spooled: SpooledSink
    opened: OpenSightings
    pictures: SnapshotWriter | None

    @property
    def gallery(self) -> ServedModels:
        """Who is searched, by the model that serves now."""
        return self.follower.models


NOTHING_SPOOLED = SpoolState(
    waiting=0,
    oldest_waiting_s=None,
    bytes=0,
    unflushed=0,
    flush_lag_s=0.0,
    dropped=SpoolDrops(),
    published=0,
    connected=False,
    redis_problem=None,
    copies_problem=None,
    disk_problem=None,
)
"""before anything was"""


class Monitor:
    """Answers for a run; implements `web.monitored.Monitored`. On any thread, and from before the models are loaded."""

    def __init__(self, config: Config, version: str, engine: EngineChoice) -> None:
        self._config = config
        self._version = version
        self._engine = engine
        self._started_at = datetime.now(UTC)
        self._started_s = time.monotonic()
        self._funnel = FunnelCounts()
        self._rates = Rates()
        self._phase = "starting"
        self._registry = CollectorRegistry()
        self._parts: MonitorParts | None = None

    @property
    def observers(self) -> tuple[Observe, ...]:
        """To be told of every outcome of the run."""
        return (self._funnel,)

    def say(self, phase: str) -> None:
        """What is being done until `begin`."""
        self._phase = phase

    def begin(self, parts: MonitorParts) -> None:
        """The run has begun."""
        self._registry = registry_of(parts.run.metrics, lambda: self._readings(parts))
        self._parts = parts

    def lists_of(self, camera: str) -> frozenset[str]:
        """The watchlists whose people are searched for a camera; none: everybody."""
        parts = self._parts
        return frozenset() if parts is None else parts.settings.lists_of(camera)

    def sample(self) -> None:
        """Note what the counters say, for rates, and let go of cameras that left; called about once a second."""
        parts = self._parts
        if parts is not None:
            self._rates.sample(time.monotonic(), camera_counters(parts.run.metrics.summary()))
            # Not when a camera is removed: its open sightings end, and are counted, after that.
            self._funnel.keep({each.camera.id for each in parts.crew.cameras()})

    # what is asked

    def status(self) -> MonitorStatus:
        """What is happening."""
        parts = self._parts
        waiting = self.ready()
        metrics = None if parts is None else parts.run.metrics.summary()
        return MonitorStatus(
            version=self._version,
            pid=os.getpid(),
            started_at=self._started_at,
            at=datetime.now(UTC),
            uptime_s=time.monotonic() - self._started_s,
            ready=waiting is None,
            problem=waiting or self._problem(),
            engine=f"{self._engine.backend} {self._engine.precision} on {self._engine.device}",
            latency=LatencyStatus(
                None if metrics is None else metrics.recent_p50_ms,
                None if metrics is None else metrics.recent_p99_ms,
                self._config.runtime.max_latency_ms,
            ),
            gallery=GalleryStatus(0, 0)
            if parts is None
            else GalleryStatus(
                len(parts.gallery.replica.people), parts.gallery.state.version, parts.gallery.problem
            ),
            spool=spool_status(
                NOTHING_SPOOLED if parts is None else parts.spooled.state(),
                self._config.spool.max_mb * 2**20,
            ),
            model=None if parts is None else model_status(parts.follower),
            stages=()
            if parts is None or metrics is None
            else stage_statuses(parts.run, metrics, self._rates),
            cameras=()
            if parts is None or metrics is None
            else camera_statuses(
                parts.crew.cameras(), parts.run, metrics, parts.pace, self._rates, self._funnel.funnels()
            ),
        )

    def alive(self) -> str | None:
        """None while the stages work, else which one hangs."""
        parts = self._parts
        if parts is None:
            return None
        for hung in parts.run.supervisor.stuck():
            return f"stage {hung.stage} has not answered for {hung.seconds:.0f} s"
        return None

    def ready(self) -> str | None:
        """None once cameras are watched, else what is being done before."""
        return self._phase if self._parts is None else None

    def metrics(self) -> bytes:
        """All metrics, as Prometheus reads text; until there is a run, none."""
        return generate_latest(self._registry)

    def reload_cameras(self) -> CamerasApplied:
        """Read the cameras file now, and apply it."""
        parts = self._parts
        if parts is None:
            return CamerasApplied(
                problem=f"the monitor is {self._phase}; it reads the cameras file after that"
            )
        return parts.cameras.load()

    def why(self, sighting_id: str) -> Explanation | None:
        """Why this sighting has its name, or none; None: there is no such sighting. Raises OutsideError."""
        parts = self._parts
        if parts is None:
            raise OutsideError(f"the monitor is {self._phase}; ask again after that")
        return explained(self._config, parts.store.database, sighting_id, parts.run.state_of)

    def _readings(self, parts: MonitorParts) -> MonitorReadings:
        """Everything for Prometheus, now."""
        run, gallery = parts.run, parts.gallery
        return MonitorReadings(
            version=self._version,
            ready=self._parts is not None,
            sources=source_readings(parts.crew.cameras()),
            counts=run.supervisor.counts(),
            failures=run.supervisor.failures(),
            load=parts.pace.admission.load(),
            latencies=parts.pace.timings.latencies(),
            sightings=tuple(sighting_counts(self._funnel.funnels())),
            spool=spool_reading(parts.spooled.state()),
            gallery=GalleryReading(
                people=len(gallery.replica.people),
                version=gallery.state.version,
                max_distance=gallery.state.max_distance,
                followed=gallery.problem is None,
                left_behind=left_behind(gallery),
            ),
            engines=engine_readings(self._config, self._engine, gallery),
            snapshots_dropped=None
            if parts.pictures is None
            else sum(parts.pictures.state().dropped.values()),
        )

    def _problem(self) -> str | None:
        """The worst there is."""
        parts = self._parts
        if parts is None:
            return None
        found = (
            self.alive(),
            parts.cameras.problem,
            parts.spooled.state().problem,
            parts.gallery.problem,
            parts.follower.problem,
            None if parts.pictures is None else parts.pictures.state().problem,
        )
        return next((each for each in found if each), None)
