"""What a monitor of two cameras reads off its parts, with something in every field."""

from __future__ import annotations

from pipeline.runtime.measuring.metrics import Drops
from pipeline.runtime.measuring.readings import (
    EngineReading,
    EventsDropped,
    GalleryReading,
    MonitorReadings,
    SightingCount,
    SourceReading,
    SpoolReading,
)
from pipeline.runtime.measuring.tally import GONE, CameraCounts, StageLoss
from pipeline.runtime.measuring.timings import BOUNDS_S, HistogramValues, LatencyValues, StageLatency
from pipeline.runtime.pace.admission import CameraLoad, Load
from pipeline.runtime.restarting import StageFailures

QUICK = HistogramValues(BOUNDS_S, (2, 1, *(0 for _ in BOUNDS_S[1:])), 0.003)

READINGS = MonitorReadings(
    version="0.5.0",
    ready=True,
    sources=(
        SourceReading("door", "streaming", 3, 1, 0.04),
        SourceReading("yard", "connecting", 0, 0, None),
    ),
    counts=(
        CameraCounts("door", 100, 60, (Drops("door", "frames", 4),), (StageLoss("embed", 1),), 35),
        CameraCounts(GONE, 7, 0, (), (), 7),
    ),
    failures=(StageFailures("embed", 2, 1, "frame 3 of door: out of memory"),),
    load=Load((CameraLoad("door", True, 10.0, 4.5, 40, 60),), 9.0, 3.0, 1.0),
    latencies=LatencyValues((StageLatency("detect", QUICK),), QUICK, QUICK),
    sightings=(
        SightingCount("door", "named", "", 5),
        SightingCount("door", "unnamed", "blurred", 2),
        SightingCount("door", "unnamed", "too_far", 3),
        SightingCount("door", "passing", "ended_early", 9),
    ),
    spool=SpoolReading(True, 4, 2.5, 9000, 120, (EventsDropped("full", 1),), 0.02),
    gallery=GalleryReading(14, 42, 1.0936, True, 0.2),
    engines=(EngineReading("embedding", "facenet-20180408", "openvino", "CPU", "bf16"),),
    snapshots_dropped=0,
)
