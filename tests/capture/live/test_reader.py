"""When a camera is called again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.capture.live.connection import Connection
from pipeline.capture.live.reader import BETWEEN_S
from pipeline.clock import ManualClock
from tests.capture.films import MP4
from tests.capture.live.test_live import live, plays, take


def test_a_camera_that_gives_pictures_and_hangs_up_is_called_again_soon_and_not_more_often(
    tmp_path: Path,
) -> None:
    clock, film = ManualClock(), plays(MP4.make(tmp_path))
    called_s: list[float] = []

    def call() -> Connection:
        called_s.append(clock.monotonic_s())
        return film()

    take(live(call, clock), ends=8)
    waits_s = [later - earlier for earlier, later in pairwise(called_s)]
    assert waits_s[:7] == pytest.approx([BETWEEN_S] * 7)
