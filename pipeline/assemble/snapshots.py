"""The writer of pictures, as the configuration says."""

from __future__ import annotations

from pathlib import Path

from config.schema import Config
from pipeline.assemble.retention import megabytes
from pipeline.events.event import Mode
from pipeline.events.pictures.snapshots import SnapshotRules, SnapshotWriter


def snapshot_writer(config: Config, data: Path, mode: Mode) -> SnapshotWriter | None:
    """For RunPlan.snapshots, to be opened before the run and closed behind it; None where no pictures are wanted."""
    keys = config.snapshots
    if not (keys.live if mode is Mode.LIVE else keys.replay):
        return None
    max_bytes = megabytes(config.retention.snapshots_mb)
    return SnapshotWriter(
        data, SnapshotRules(keys.frame_px, keys.jpeg_quality, max_bytes, exact=mode is Mode.REPLAY)
    )
