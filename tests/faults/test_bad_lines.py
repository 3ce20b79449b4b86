"""A live source over a line that loses, delays and swaps packets: pictures go on, and nothing has to be restarted."""

from __future__ import annotations

import pytest

from pipeline.capture.live.live_options import LiveOptions, Transport
from pipeline.capture.live.open_source import open_source
from pipeline.capture.live.source_health import State
from tests.faults.lossy_proxy import Line, LossyProxy
from tests.faults.servers import Starter
from tests.faults.watching import Watching

LINES: dict[str, tuple[Transport, Line]] = {
    "udp, 2 % lost": ("udp", Line(lost=0.02)),
    "udp, 10 % lost, swapped within 50 ms": ("udp", Line(lost=0.1, jitter_s=0.05)),
    "tcp, 100 to 300 ms late": ("tcp", Line(delay_s=0.1, jitter_s=0.2)),
}


@pytest.mark.parametrize("name", LINES)
def test_pictures_go_on_over_a_bad_line(name: str, rtsp: Starter) -> None:
    transport, line = LINES[name]
    with (
        LossyProxy(rtsp("--size", "160x120").port, line) as proxy,
        Watching(open_source(proxy.url, "door", LiveOptions(transport=transport))) as seen,
    ):
        seen.frames(60)
        health = seen.source.health()
        assert (health.state, seen.ends) == (State.STREAMING, [])
        pts_s = [info.pts_s for info in seen.infos]
        assert pts_s == sorted(pts_s)
        # Sixty frames of twenty-five a second; what was lost is missing, or was filled and counted.
        assert pts_s[-1] - pts_s[0] < 60 / 25 / (1 - 3 * line.lost) + 0.7
        if line.lost:
            assert proxy.dropped
            assert health.damaged


def test_a_line_that_is_cut_and_heals(rtsp: Starter) -> None:
    with (
        LossyProxy(rtsp("--size", "160x120").port, Line()) as proxy,
        Watching(open_source(proxy.url, "door", LiveOptions(transport="udp", read_timeout_s=2.0))) as seen,
    ):
        seen.frames(20)
        proxy.line = Line(lost=1.0)
        seen.wait(lambda: seen.ends, 6.0)
        assert seen.ended_at_s[0] - seen.at_s[-1] < 4.0
        proxy.line = Line()
        seen.frames(20)
        assert seen.source.health().reconnects == 1
