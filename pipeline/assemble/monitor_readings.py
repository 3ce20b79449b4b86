"""A monitor's numbers as Prometheus is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from config.schema import Config
from engines.backends.choose import EngineChoice
from pipeline.assemble.crew import CrewCamera
from pipeline.assemble.serving import ServedModels
from pipeline.events.spool.spool_state import SpoolState
from pipeline.events.why.funnel import CameraFunnel
from pipeline.runtime.measuring.readings import (
    EngineReading,
    EventsDropped,
    SightingCount,
    SourceReading,
    SpoolReading,
)


def source_readings(crew: Sequence[CrewCamera]) -> tuple[SourceReading, ...]:
    """The streams of the wanted cameras."""
    return tuple(_source_reading(one) for one in crew)


def sighting_counts(funnels: Mapping[str, CameraFunnel]) -> Iterator[SightingCount]:
    """Sightings that are over, by camera, outcome and reason."""
    for camera, funnel in funnels.items():
        yield SightingCount(camera, "named", "", funnel.named)
        for each in funnel.unnamed:
            yield SightingCount(camera, "unnamed", each.reason.value, each.sightings)
        for each in funnel.passing:
            yield SightingCount(camera, "passing", each.reason.value, each.sightings)


def spool_reading(state: SpoolState) -> SpoolReading:
    """Events on their way to Redis."""
    return SpoolReading(
        connected=state.connected,
        waiting=state.waiting,
        oldest_age_s=state.oldest_waiting_s,
        bytes=state.bytes,
        published=state.published,
        dropped=tuple(EventsDropped(why, events) for why, events in asdict(state.dropped).items()),
        flush_lag_s=state.flush_lag_s,
    )


def engine_readings(config: Config, choice: EngineChoice, models: ServedModels) -> tuple[EngineReading, ...]:
    """What runs the networks now; `older` is there while people are left behind."""
    roles = {"detection": config.detection.model, "embedding": models.force.served.eye.model}
    if models.force.behind is not None:
        roles["older embedding"] = models.force.behind.eye.model
    return tuple(
        EngineReading(role, model, choice.backend, choice.device, choice.precision)
        for role, model in roles.items()
    )


def left_behind(models: ServedModels) -> int:
    """People whom an older model alone knows."""
    return 0 if models.force.behind is None else models.force.behind.people


def _source_reading(one: CrewCamera) -> SourceReading:
    name, health = one.camera.id, one.health()
    state = one.state(health).value
    if health is None:
        return SourceReading(name, state, 0, 0, None)
    last = health.last_frame_at
    age_s = None if last is None else max(0.0, (datetime.now(UTC) - last).total_seconds())
    return SourceReading(name, state, health.reconnects, health.damaged, age_s)
