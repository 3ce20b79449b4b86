"""When pictures are kept, as the configuration says."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load
from pipeline.assemble.snapshots import snapshot_writer
from pipeline.events.event import Mode


@pytest.mark.parametrize(
    ("settings", "mode", "expected"),
    [
        ((), Mode.LIVE, True),
        ((), Mode.REPLAY, False),
        (("snapshots.live=false",), Mode.LIVE, False),
        (("snapshots.replay=true",), Mode.REPLAY, True),
    ],
)
def test_cameras_have_pictures_and_recordings_where_they_are_asked_for(
    tmp_path: Path, settings: tuple[str, ...], mode: Mode, expected: bool
) -> None:
    assert (snapshot_writer(load(None, {}, settings), tmp_path, mode) is not None) == expected


def test_one_without_a_bound_does_not_count(tmp_path: Path) -> None:
    writer = snapshot_writer(load(None, {}, ("retention.snapshots_mb=null",)), tmp_path, Mode.LIVE)
    assert writer is not None
    with writer:
        assert writer.state().bytes is None
