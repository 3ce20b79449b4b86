"""A run's numbers as the status has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pipeline.assemble.crew import CrewCamera
from pipeline.assemble.model_following import ModelFollower
from pipeline.assemble.pace import Pace
from pipeline.assemble.rates import Rates
from pipeline.assemble.run import Run
from pipeline.events.spool.spool_state import SpoolState as Spooled
from pipeline.events.why.funnel import CameraFunnel
from pipeline.events.why.hints import ADVICE, IN_WORDS, hint
from pipeline.runtime.measuring.metrics import CameraCounted, MetricsSummary
from pipeline.runtime.measuring.tally import CameraCounts
from pipeline.runtime.pace.admission import CameraLoad
from pipeline.web.monitored import (
    CameraStatus,
    ModelStatus,
    Shortfalls,
    SpoolState,
    SpoolStatus,
    StageStatus,
)

FULL = 0.75
"""of what a spool may take: a full one drops an eighth at most at once, and one that was full last week is small"""


def camera_counters(summary: MetricsSummary) -> Mapping[str, float]:
    """What rates are made of: looks of each camera, busy seconds of each stage."""
    counters = {f"looks {each.camera}": float(each.looked) for each in summary.cameras}
    return counters | {f"busy {each.stage}": each.busy_s for each in summary.stages}


def stage_statuses(run: Run, summary: MetricsSummary, rates: Rates) -> tuple[StageStatus, ...]:
    """The stages, in their order."""
    queues = {level.queue: level.items for level in summary.queues}
    first = run.supervisor.fan_in.name
    statuses = []
    for at, failures in enumerate(run.supervisor.failures()):
        statuses.append(
            StageStatus(
                name=failures.stage,
                queue_items=queues.get(first if at == 0 else failures.stage, 0),
                busy=min(rates.of(f"busy {failures.stage}"), 1.0),
                restarts=failures.restarts,
                problem=failures.last,
            )
        )
    return tuple(statuses)


def spool_status(state: Spooled, max_bytes: int) -> SpoolStatus:
    """The spool in the words of the status; `max_bytes`: that it may take on disk."""
    if state.disk_problem is not None:
        name = SpoolState.FAILING
    elif state.redis_problem is None:
        name = SpoolState.PUBLISHING
    else:
        full = state.dropped.full and state.bytes > FULL * max_bytes
        name = SpoolState.FULL if full else SpoolState.WAITING
    oldest_s = state.oldest_waiting_s
    return SpoolStatus(
        state=name,
        waiting=state.waiting,
        bytes=state.bytes,
        lost=state.dropped.total,
        oldest_at=None if oldest_s is None else datetime.now(UTC) - timedelta(seconds=oldest_s),
        problem=state.problem,
    )


def model_status(follower: ModelFollower) -> ModelStatus:
    """Which embedder serves, and who is left behind by it."""
    force = follower.models.force
    return ModelStatus(
        name=force.served.eye.model,
        model_id=force.served.model_id,
        since=force.served.since,
        left_behind=0 if force.behind is None else force.behind.people,
        older=None if force.behind is None else force.behind.eye.model,
        problem=follower.problem,
    )


def camera_statuses(
    crew: Sequence[CrewCamera],
    run: Run,
    summary: MetricsSummary,
    pace: Pace,
    rates: Rates,
    funnels: Mapping[str, CameraFunnel],
) -> tuple[CameraStatus, ...]:
    """The wanted cameras, in the order of the file."""
    counts = {each.camera: each for each in run.supervisor.counts()}
    counted = {each.camera: each for each in summary.cameras}
    loads = {each.camera: each for each in pace.admission.load().cameras}
    going_on = run.going_on()
    return tuple(
        _camera_status(
            each,
            counts.get(each.camera.id),
            counted.get(each.camera.id),
            loads.get(each.camera.id),
            rates.of(f"looks {each.camera.id}"),
            funnels.get(each.camera.id),
            going_on.get(each.camera.id, 0),
            pace.rules.of(each.camera.id).min_face_px,
        )
        for each in crew
    )


def _camera_status(
    one: CrewCamera,
    counts: CameraCounts | None,
    counted: CameraCounted | None,
    load: CameraLoad | None,
    looks_hz: float,
    funnel: CameraFunnel | None,
    going_on: int,
    min_face_px: float,
) -> CameraStatus:
    health = one.health()
    return CameraStatus(
        id=one.camera.id,
        address=one.camera.address,
        state=one.state(health),
        since=one.since if health is None else health.since,
        problem=one.refused if health is None else health.problem,
        reconnects=0 if health is None else health.reconnects,
        width=None if health is None else health.width,
        height=None if health is None else health.height,
        codec=None if health is None else health.codec,
        fps=0.0 if health is None else health.rate_hz,
        looks_hz=looks_hz,
        looks_wanted_hz=0.0 if load is None else load.looks_wanted_hz,
        decoded=0 if counts is None else counts.decoded,
        skipped=0 if counts is None else counts.skipped,
        dropped=0 if counts is None else sum(each.count for each in counts.dropped),
        looked=0 if counts is None else counts.done,
        lost=0 if counts is None else sum(each.frames for each in counts.lost),
        faces=0 if counted is None else counted.faces,
        sightings_open=going_on,
        sightings=0 if funnel is None else funnel.faces,
        unnamed=()
        if funnel is None
        else tuple(
            Shortfalls(IN_WORDS[each.reason], each.sightings, ADVICE[each.reason]) for each in funnel.unnamed
        ),
        hint=None
        if funnel is None
        else hint(funnel, None if counted is None else counted.sizes, min_face_px),
        last_frame_at=None if health is None else health.last_frame_at,
    )
