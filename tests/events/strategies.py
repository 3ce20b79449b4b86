"""Events for tests: one plain one to vary, and hypothesis strategies for any that may be published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from pipeline.events.event import (
    EventCandidate,
    EventType,
    FrameRef,
    Identity,
    IdentityEvent,
    Mode,
    TimingsMs,
)
from pipeline.types import Watchlist

ANN = Identity("p_3f", "Ann")
START = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


def an_event(
    camera: str = "door", number: int = 17, seq: int = 1, pts_s: float = 27.066, who: Identity | None = ANN
) -> IdentityEvent:
    """A valid replay event; `new` when seq is 1, else `update`."""
    return IdentityEvent(
        type=EventType.NEW if seq == 1 else EventType.UPDATE,
        mode=Mode.REPLAY,
        sighting_id=f"{camera}:k3f9:{number}",
        seq=seq,
        camera=camera,
        identity=who,
        previous_identity=None,
        stranger_id="s_41" if who is None else None,
        distance=0.58,
        threshold=0.94,
        margin=0.31,
        candidates=(EventCandidate("p_3f", "Ann", 0.58), EventCandidate("p_77", "Bob", 0.89)),
        frames_fused=7,
        quality=0.83,
        box=(0.41, 0.22, 0.5, 0.39),
        frame=FrameRef(812, pts_s, 1280, 720),
        first_seen_at=START,
        seen_at=START + timedelta(seconds=1.5),
        published_at=START + timedelta(seconds=1.5),
        timings_ms=None,
        detector="centerface",
        embedder="facenet-20180408",
        gallery_version=42,
        snapshot=None,
    )


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    """Finite numbers in a range, both ends included."""
    return st.floats(low, high, allow_nan=False)


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
people = st.builds(Identity, words, words)
distances = floats(0.0, 4.0)
watchlists = st.lists(
    st.builds(Watchlist, words, st.text(st.characters(codec="utf-8"), max_size=12)), max_size=2
)
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001
durations = floats(0.0, 1e6)


@st.composite
def events(draw: st.DrawFn) -> IdentityEvent:
    """Any event that may be published."""
    camera = draw(words)
    seq = draw(st.integers(1, 3))
    later = st.sampled_from([EventType.UPDATE, EventType.END, EventType.CORRECTION])
    mode = draw(st.sampled_from(Mode))
    timings = st.builds(TimingsMs, durations, durations, durations, durations, durations)
    who = draw(st.none() | people)
    return replace(
        an_event(),
        type=EventType.NEW if seq == 1 else draw(later),
        mode=mode,
        sighting_id=f"{camera}:{draw(st.from_regex('[0-9a-z]{1,8}', fullmatch=True))}:{draw(st.integers(0, 999))}",
        seq=seq,
        camera=camera,
        identity=who,
        previous_identity=draw(st.none() | people),
        stranger_id=draw(words) if who is None else None,
        distance=draw(st.none() | distances),
        threshold=draw(distances),
        margin=draw(st.none() | distances),
        candidates=tuple(draw(st.lists(st.builds(EventCandidate, words, words, distances), max_size=3))),
        frames_fused=draw(st.integers(0, 1000)),
        quality=draw(floats(0.0, 1.0)),
        box=tuple(draw(st.tuples(*[floats(0.0, 1.0)] * 4))),
        frame=FrameRef(draw(st.integers(0, 10**9)), draw(durations), 1280, 720),
        first_seen_at=draw(times),
        seen_at=draw(times),
        published_at=draw(times),
        timings_ms=draw(st.none() | timings) if mode is Mode.LIVE else None,
        gallery_version=draw(st.integers(0, 10**9)),
        snapshot=draw(st.none() | words),
        watchlists=() if who is None else tuple(draw(watchlists)),
    )
