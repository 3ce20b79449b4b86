"""What Prometheus is told of each camera. The only label besides the camera's name is one of a few fixed words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from pipeline.geometry import EDGES_PX
from pipeline.runtime.measuring.families import add_histogram, by_camera, levels_by_camera
from pipeline.runtime.measuring.metrics import CameraCounted
from pipeline.runtime.measuring.readings import STATES, MonitorReadings
from pipeline.runtime.measuring.tally import GONE


def camera_families(counted: Sequence[CameraCounted], readings: MonitorReadings) -> Iterator[Metric]:
    """Frames, looks, faces and sightings of each camera, and how its stream does."""
    yield from _frames(readings)
    yield from _looks(counted, readings)
    yield from _streams(readings)
    yield from _sightings(readings)


def _frames(readings: MonitorReadings) -> Iterator[Metric]:
    """Where every decoded frame went; what full queues dropped, `Metrics` knows."""
    here = [each for each in readings.counts if each.camera != GONE]
    yield by_camera(
        "facestream_camera_frames_decoded", "Frames decoded", [(each.camera, each.decoded) for each in here]
    )
    yield by_camera(
        "facestream_camera_frames_skipped",
        "Frames not looked at because they were not due, or the camera was slowed down",
        [(each.camera, each.skipped) for each in here],
    )
    lost = CounterMetricFamily(
        "facestream_camera_frames_lost", "Frames lost with failures of a stage", labels=["camera", "stage"]
    )
    for each in here:
        for loss in each.lost:
            lost.add_metric([each.camera, loss.stage], loss.frames)
    yield lost
    yield by_camera(
        "facestream_camera_frames_done",
        "Frames that went through the last stage",
        [(each.camera, each.done) for each in here],
    )


def _looks(counted: Sequence[CameraCounted], readings: MonitorReadings) -> Iterator[Metric]:
    yield by_camera(
        "facestream_camera_looks",
        "Frames that the detector ran on",
        [(one.camera, one.looked) for one in counted],
    )
    yield by_camera(
        "facestream_camera_embeddings", "Crops embedded", [(one.camera, one.embeddings) for one in counted]
    )
    sizes = HistogramMetricFamily(
        "facestream_camera_face_size_pixels",
        "Shorter side of the faces that the detector found, followed or not",
        labels=["camera"],
    )
    for one in counted:
        add_histogram(sizes, [one.camera], EDGES_PX, one.sizes.counts, one.sizes_sum_px)
    yield sizes
    shares = () if readings.load is None else readings.load.cameras
    yield levels_by_camera(
        "facestream_camera_looks_hertz",
        "Looks a second that the camera may have now",
        [(one.camera, one.looks_hz) for one in shares],
    )
    yield levels_by_camera(
        "facestream_camera_looks_wanted_hertz",
        "Looks a second that it would have with less work",
        [(one.camera, one.looks_wanted_hz) for one in shares],
    )


def _streams(readings: MonitorReadings) -> Iterator[Metric]:
    sources = readings.sources
    state = GaugeMetricFamily(
        "facestream_camera_state", "1 for the state it is in", labels=["camera", "state"]
    )
    for one in sources:
        for word in STATES:
            state.add_metric([one.camera, word], float(one.state == word))
    yield state
    yield by_camera(
        "facestream_camera_reconnects",
        "Times that pictures came again after an outage",
        [(one.camera, one.reconnects) for one in sources],
    )
    yield by_camera(
        "facestream_camera_pictures_damaged",
        "Pictures that the decoder refused, or filled holes of",
        [(one.camera, one.damaged) for one in sources],
    )
    yield levels_by_camera(
        "facestream_camera_last_frame_age_seconds",
        "Since the newest frame",
        [(one.camera, one.last_frame_age_s) for one in sources if one.last_frame_age_s is not None],
    )


def _sightings(readings: MonitorReadings) -> Iterator[Metric]:
    over = CounterMetricFamily(
        "facestream_sightings",
        "Sightings that are over: named, unnamed, or passing, which were never published",
        labels=["camera", "outcome"],
    )
    unnamed = CounterMetricFamily(
        "facestream_unnamed_sightings",
        "Sightings that were published without a name, by why (docs/why.md)",
        labels=["camera", "reason"],
    )
    totals: dict[tuple[str, str], int] = {}
    for one in readings.sightings:
        key = (one.camera, one.outcome)
        totals[key] = totals.get(key, 0) + one.sightings
        if one.outcome == "unnamed":
            unnamed.add_metric([one.camera, one.reason], one.sightings)
    for (camera, outcome), count in totals.items():
        over.add_metric([camera, outcome], count)
    yield over
    yield unnamed
