"""A run's numbers in the words of the status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.assemble.monitor import NOTHING_SPOOLED
from pipeline.assemble.monitor_status import spool_status
from pipeline.events.spool.spool_state import SpoolDrops
from pipeline.web.monitored import SpoolState

AWAY = "Redis at host cannot be reached"


@pytest.mark.parametrize(
    ("redis", "disk", "dropped", "size", "state"),
    [
        (None, None, 0, 10, SpoolState.PUBLISHING),
        (None, None, 9, 990, SpoolState.PUBLISHING),
        (AWAY, None, 0, 990, SpoolState.WAITING),
        (AWAY, None, 9, 880, SpoolState.FULL),
        (AWAY, None, 9, 10, SpoolState.WAITING),  # it was full once
        (AWAY, "no room", 9, 990, SpoolState.FAILING),
    ],
)
def test_a_spool_in_a_word(
    redis: str | None, disk: str | None, dropped: int, size: int, state: SpoolState
) -> None:
    spooled = replace(
        NOTHING_SPOOLED,
        redis_problem=redis,
        disk_problem=disk,
        dropped=SpoolDrops(full=dropped),
        bytes=size,
    )
    told = spool_status(spooled, max_bytes=1000)
    assert (told.state, told.lost) == (state, dropped)
