"""What publishing by way of the disk costs whoever publishes, how soon events are safe, and how fast a backlog goes.

Rows: `publish`, how long one call takes, at a steady rate, beside a sink that waits for Redis; `flush`, from the call
to the disk; `backlog`, events a second that are taken and brought to disk while Redis is away, then brought to Redis
when it is back, into a server of our own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import Broker
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.event import EventCandidate, EventType, FrameRef, Identity, IdentityEvent, Mode
from pipeline.events.sink import EventSink
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spooled_sink import SpooledSink

STREAM = "facestream:events"
RULES = SpoolRules(keep_s=300.0, max_bytes=2**30)
PATIENCE_S = 600.0


class AwayRedis:
    """Our own server, which cannot be reached before it is let back."""

    def __init__(self, data: Path) -> None:
        self.back = False
        self.shown = "our own server"
        self._inner = EmbeddedRedis(data)

    def open(self) -> str:
        """Its address. Raises BrokerError while it is away."""
        if not self.back:
            raise BrokerError("it is away")
        return self._inner.open()

    def close(self) -> None:
        """Let go of it."""
        self._inner.close()


def events() -> Iterator[IdentityEvent]:
    """Live events of four cameras, one after the other, of about 870 bytes."""
    began = datetime(2026, 5, 1, 9, tzinfo=UTC)
    ann = Identity("p_3f", "Ann")
    for number in count():
        camera = ("door", "yard", "hall", "gate")[number % 4]
        yield IdentityEvent(
            type=EventType.NEW,
            mode=Mode.LIVE,
            sighting_id=f"{camera}:k3f9:{number}",
            seq=1,
            camera=camera,
            identity=ann,
            previous_identity=None,
            stranger_id=None,
            distance=0.58,
            threshold=0.94,
            margin=0.31,
            candidates=(EventCandidate("p_3f", "Ann", 0.58), EventCandidate("p_77", "Bob", 0.89)),
            frames_fused=7,
            quality=0.83,
            box=(0.41, 0.22, 0.5, 0.39),
            frame=FrameRef(number, number / 10, 1280, 720),
            first_seen_at=began,
            seen_at=began + timedelta(seconds=1.5),
            published_at=began + timedelta(seconds=1.5),
            timings_ms=None,
            detector="centerface",
            embedder="facenet-20180408",
            gallery_version=42,
            snapshot=None,
        )


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench spool", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder on the disk to measure; default: a temporary one")
    parser.add_argument("--per-second", type=float, default=200.0, help="events of the steady rate")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the steady rate, each sink")
    parser.add_argument("--backlog", type=int, default=100_000, help="events while Redis is away")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.data) as folder:
        steady(Path(folder) / "steady", args.per_second, args.seconds)
        backlog(Path(folder) / "backlog", args.backlog)
    return 0


def steady(data: Path, per_second: float, seconds: float) -> None:
    """Rows `publish` and `flush`."""
    lags: list[float] = []
    with spooled(data, EmbeddedRedis(data)) as sink:
        wait(lambda: sink.state().connected)
        by_disk = latencies(sink, per_second, seconds, lambda: lags.append(sink.state().flush_lag_s))
        wait(lambda: sink.state().waiting == 0)
    direct = RedisSink(EmbeddedRedis(data), STREAM, "replay", 10**6)
    direct.open()
    waited = latencies(direct, per_second, seconds, lambda: None)
    direct.close()
    row(
        "publish",
        per_second=per_second,
        p50_us=1e6 * statistics.median(by_disk),
        p99_us=1e6 * high(by_disk),
        against="a sink that waits for Redis",
        against_p50_us=1e6 * statistics.median(waited),
        against_p99_us=1e6 * high(waited),
        ratio=high(waited) / high(by_disk),
    )
    row(
        "flush",
        per_second=per_second,
        p50_ms=1e3 * statistics.median(lags),
        p99_ms=1e3 * high(lags),
        max_ms=1e3 * max(lags),
    )


def backlog(data: Path, total: int) -> None:
    """The row `backlog`."""
    broker = AwayRedis(data)
    rules = replace(RULES, in_memory=total)
    with spooled(data, broker, rules) as sink:
        source = events()
        began = time.perf_counter()
        for _ in range(total):
            sink.publish([next(source)])
        wait(lambda: sink.state().unflushed == 0)
        taken_s = time.perf_counter() - began
        size = sink.state().bytes
        broker.back = True
        wait(lambda: sink.state().connected or sink.state().published > 0)
        began = time.perf_counter()
        already = sink.state().published
        wait(lambda: sink.state().waiting == 0)
        drained_s = time.perf_counter() - began
    row(
        "backlog",
        events=total,
        spool_mb=size / 2**20,
        taken_per_second=total / taken_s,
        drained_per_second=(total - already) / drained_s,
        drained_s=drained_s,
    )


@contextmanager
def spooled(data: Path, broker: Broker, rules: SpoolRules = RULES) -> Iterator[SpooledSink]:
    """An open sink."""
    sink = SpooledSink(data / "spool", broker, STREAM, 10**6, rules)
    sink.open()
    try:
        yield sink
    finally:
        sink.close()


def latencies(sink: EventSink, per_second: float, seconds: float, observe: Callable[[], None]) -> list[float]:
    """How long each call took, in seconds, at this rate."""
    source = events()
    took: list[float] = []
    began = time.perf_counter()
    for number in range(int(per_second * seconds)):
        time.sleep(max(began + number / per_second - time.perf_counter(), 0.0))
        event = next(source)
        called = time.perf_counter()
        sink.publish([event])
        took.append(time.perf_counter() - called)
        observe()
    return took


def wait(holds: Callable[[], bool]) -> None:
    """Until this holds."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError("the benchmark does not come to its end")
        time.sleep(0.005)


def high(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def row(name: str, **figures: object) -> None:
    """Print a row."""
    shown = {key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}
    sys.stdout.write(json.dumps({"bench": f"spool {name}", **shown}) + "\n")
    sys.stdout.flush()
