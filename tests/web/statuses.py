"""Statuses as a monitor would say them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.web.monitored import (
    CameraState,
    CameraStatus,
    GalleryStatus,
    LatencyStatus,
    MonitorStatus,
    Shortfalls,
    SpoolState,
    SpoolStatus,
    StageStatus,
)

AT = datetime(2026, 5, 4, 9, 30, 0, tzinfo=UTC)


def camera(id_: str = "front-door", state: CameraState = CameraState.STREAMING) -> CameraStatus:
    """A camera that streams, or one that does not."""
    status = CameraStatus(
        id=id_,
        address="rtsp://*****@10.0.0.5:554/stream1",
        state=state,
        since=AT - timedelta(hours=3, minutes=7),
        width=1920,
        height=1080,
        codec="h264",
        fps=24.96,
        looks_hz=9.98,
        looks_wanted_hz=10.0,
        decoded=280_512,
        skipped=168_307,
        dropped=12,
        looked=112_190,
        lost=3,
        faces=18_220,
        sightings_open=2,
        sightings=412,
        unnamed=(
            Shortfalls("too small", 5120, "move the camera nearer, or use a longer lens"),
            Shortfalls("turned away", 311, "let people look towards the camera"),
        ),
        hint="move the camera nearer, or use a longer lens",
        last_frame_at=AT - timedelta(milliseconds=40),
    )
    if state is CameraState.STREAMING:
        return status
    return replace(
        status, problem="no answer within 5 s", fps=0.0, looks_hz=0.0, last_frame_at=AT - timedelta(minutes=6)
    )


def whole_status(*cameras: CameraStatus) -> MonitorStatus:
    """A monitor with these cameras, with which all is well."""
    names = ("detect", "track", "align", "embed", "match", "decide", "publish")
    return MonitorStatus(
        version="0.1.0",
        pid=4711,
        started_at=AT - timedelta(days=3, hours=4),
        at=AT,
        uptime_s=273_600.0,
        ready=True,
        problem=None,
        engine="openvino bf16",
        latency=LatencyStatus(p50_ms=118.2, p99_ms=411.7, bound_ms=1000.0),
        gallery=GalleryStatus(people=1268, version=4120),
        spool=SpoolStatus(state=SpoolState.PUBLISHING, waiting=0, bytes=1_048_576),
        stages=tuple(
            StageStatus(name, queue_items=place % 3, busy=0.09 * place + 0.01)
            for place, name in enumerate(names)
        ),
        cameras=cameras or (camera(),),
    )


def troubled_status() -> MonitorStatus:
    """A monitor with something wrong in every place."""
    problem = "rtsp://*****@10.0.0.9/1: connection refused"
    never = CameraStatus(
        "yard-cam-with-a-long-name-of-the-north-entrance-by-the-old-mill",
        "http://10.0.0.7/video.mjpeg",
        CameraState.CONNECTING,
        AT - timedelta(seconds=2),
    )
    healthy = whole_status(
        camera(),
        camera("lobby", CameraState.WAITING),
        replace(camera("garage", CameraState.PARKED), problem=problem, reconnects=212),
        replace(camera("back-door", CameraState.PAUSED), problem=None),
        never,
        replace(
            camera("usb", CameraState.REFUSED),
            address="/dev/video7",
            problem="there is no /dev/video7; name another",
        ),
    )
    stages = list(healthy.stages)
    stages[3] = replace(stages[3], busy=0.98, restarts=2, problem="RuntimeError: out of memory")
    return replace(
        healthy,
        problem="events wait: Redis is away",
        latency=LatencyStatus(p50_ms=812.0, p99_ms=1430.5, bound_ms=1000.0),
        spool=SpoolStatus(
            SpoolState.WAITING, 5210, 7_340_032, 0, AT - timedelta(minutes=4), "connection refused"
        ),
        stages=tuple(stages),
    )
