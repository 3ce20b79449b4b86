"""A program that publishes events through a spool until it is killed, and says which of them are on disk.

    python -m tests.faults.spool_producer SPOOL URL RUN [PER_SECOND | drain]

Events are of four cameras in turn; the number of their sighting is RUN million and a count. Each line of SPOOL.RUN
is the highest count that is on disk, with all below it. `drain` publishes nothing: it ends when all is in Redis.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO

from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.event import Mode
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spooled_sink import SpooledSink
from tests.events.strategies import an_event

STREAM = "facestream:events"
CAMERAS = ("door", "yard", "hall", "gate")
RUN = 1_000_000
BATCH_S = 0.01
DRAIN_TIMEOUT_S = 120.0


def main(folder: str, url: str, run: int, rate: str) -> int:
    """Publish until killed, or drain."""
    rules = SpoolRules(keep_s=300.0, max_bytes=2**30)
    sink = SpooledSink(Path(folder), RemoteRedis(url, "here"), STREAM, 10_000_000, rules)
    sink.open()
    if rate == "drain":
        until = time.monotonic() + DRAIN_TIMEOUT_S
        while sink.state().waiting or not sink.state().connected:
            if time.monotonic() > until:
                return 1
            time.sleep(0.01)
        sink.close()
        return 0
    with Path(f"{folder}.{run}").open("w") as said:
        publish(sink, run, float(rate), said)


def publish(sink: SpooledSink, run: int, rate: float, said: TextIO) -> NoReturn:
    """Publish so many events a second, and say how far the disk has them, until killed."""
    plain = [replace(an_event(camera), mode=Mode.LIVE) for camera in CAMERAS]
    began, count = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * rate)
        for number in range(count, due):
            event = plain[number % len(plain)]
            sink.publish([replace(event, sighting_id=f"{event.camera}:k3f9:{run * RUN + number}")])
        count = max(count, due)
        time.sleep(BATCH_S)
        if count and sink.state().unflushed == 0:
            said.write(f"{count - 1}\n")
            said.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
