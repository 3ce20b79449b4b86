"""Events as lines for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.events.event import EventType, FrameRef, Identity, IdentityEvent, Mode
from pipeline.events.readable import readable

SEEN = datetime(2026, 5, 1, 9, 0, 4, 120_000, tzinfo=UTC)
EVENT = IdentityEvent(
    type=EventType.NEW,
    mode=Mode.REPLAY,
    sighting_id="door:abc:17",
    seq=1,
    camera="door",
    identity=Identity("p_1", "Ann"),
    previous_identity=None,
    stranger_id=None,
    distance=0.58,
    threshold=0.9,
    margin=0.31,
    candidates=(),
    frames_fused=3,
    quality=0.8,
    box=(0.1, 0.1, 0.2, 0.2),
    frame=FrameRef(100, 4.12, 640, 360),
    first_seen_at=SEEN - timedelta(seconds=2.5),
    seen_at=SEEN,
    published_at=SEEN,
    timings_ms=None,
    detector="centerface",
    embedder="facenet",
    gallery_version=1,
    snapshot=None,
)


def test_a_line_says_when_where_who_and_how_sure() -> None:
    line = "2026-05-01 09:00:04.120  door  sees Ann  #17  distance 0.58 of 0.90, margin 0.31"
    assert readable(EVENT) == line


def test_an_end_says_how_long() -> None:
    ended = replace(EVENT, type=EventType.END, identity=None, stranger_id="s_1")
    assert readable(ended) == "2026-05-01 09:00:04.120  door  saw an unknown person  #17  for 2.5 s"


def test_a_withdrawn_name_is_told() -> None:
    withdrawn = replace(
        EVENT,
        type=EventType.UPDATE,
        identity=None,
        stranger_id="s_1",
        previous_identity=Identity("p_1", "Ann"),
    )
    assert readable(withdrawn).endswith("now sees an unknown person  #17  (not Ann)")


def test_a_better_shot_of_somebody_unknown_is_no_new_person() -> None:
    better = replace(EVENT, type=EventType.UPDATE, identity=None, stranger_id="s_1")
    assert readable(better).endswith("door  has a better shot of an unknown person  #17")


def test_a_name_cannot_steer_the_terminal() -> None:
    hostile = replace(EVENT, identity=Identity("p_1", "A\x1b[31mnn\n"))
    assert "\x1b" not in readable(hostile)
    assert "\n" not in readable(hostile)
