"""A member of a group that handles events until it is killed: it writes what it begins and what it has done.

    python -m tests.faults.group_member URL GROUP OUT CLAIM_AFTER_S

Each line of OUT is `begin ID` or `done ID`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.delivery.group import GroupReader, own_name
from pipeline.events.delivery.stream import parse_since
from pipeline.events.delivery.subscribe import Subscription

STREAM = "facestream:events"
WORK_S = 0.01


def main(url: str, group: str, out: str, claim_after_s: str) -> None:
    """Handle events, each in ten milliseconds."""
    reader = GroupReader(STREAM, group, own_name(), parse_since("0"), float(claim_after_s))
    with Path(out).open("w", buffering=1) as said:
        for event in Subscription(RemoteRedis(url, "here"), reader, print):
            said.write(f"begin {event.event_id}\n")
            time.sleep(WORK_S)
            said.write(f"done {event.event_id}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
