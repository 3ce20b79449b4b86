"""The order of several recordings' events, for every interleaving of their threads."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.event import IdentityEvent
from pipeline.events.merge import PtsMerge
from tests.events.strategies import an_event

GAP_S = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of a camera: what it publishes, which may lie up to GAP_S back, and where it then stands."""

    events: tuple[IdentityEvent, ...]
    pts_s: float


@st.composite
def cameras(draw: st.DrawFn) -> dict[str, list[Step]]:
    """Frames of one to four cameras, on a coarse grid so that times often coincide."""
    recordings = {}
    for camera in "abcd"[: draw(st.integers(1, 4))]:
        number, pts_s, steps = 0, 0.0, []
        for _ in range(draw(st.integers(0, 6))):
            published = []
            for back_s in draw(st.lists(st.sampled_from([0.0, 0.5, GAP_S]), max_size=3)):
                number += 1
                published.append(an_event(camera, number, pts_s=max(0.0, pts_s - back_s)))
            steps.append(Step(tuple(published), pts_s))
            pts_s += draw(st.sampled_from([0.0, 0.5, 3.0]))
        recordings[camera] = steps
    return recordings


def replayed(recordings: dict[str, list[Step]], turns: list[int]) -> list[IdentityEvent]:
    """What comes out when the cameras take these turns, and then go on one after the other."""
    merge = PtsMerge(recordings)
    waiting = {camera: list(steps) for camera, steps in recordings.items()}
    out: list[IdentityEvent] = []

    def take(camera: str) -> None:
        if not waiting[camera]:
            out.extend(merge.finish(camera))
            del waiting[camera]
            return
        step = waiting[camera].pop(0)
        out.extend(merge.push(camera, step.events))
        out.extend(merge.advance(camera, step.pts_s - GAP_S))

    for turn in turns:
        if waiting:
            take(sorted(waiting)[turn % len(waiting)])
    for camera in sorted(waiting):
        while camera in waiting:
            take(camera)
    assert merge.held == 0
    return out


@given(cameras(), st.lists(st.integers(0, 3), max_size=40))
def test_every_interleaving_gives_the_same_sorted_events(
    recordings: dict[str, list[Step]], turns: list[int]
) -> None:
    everything = [event for steps in recordings.values() for step in steps for event in step.events]
    assert replayed(recordings, turns) == sorted(
        everything, key=lambda event: (event.frame.pts_s, event.camera)
    )


def test_an_event_leaves_as_soon_as_nothing_can_come_before_it() -> None:
    merge = PtsMerge(["a", "b"])
    first, second = an_event("a", 1, pts_s=1.0), an_event("b", 1, pts_s=1.0)
    assert merge.push("b", [second]) == []
    assert merge.advance("b", 5.0) == []
    assert merge.push("a", [first]) == []
    # a may still push at 1.0, but nothing of b belongs before that
    assert merge.advance("a", 1.0) == []
    assert merge.advance("a", 1.5) == [first, second]
    assert merge.held == 0


def test_a_camera_that_stands_at_the_same_time_holds_only_the_names_behind_it() -> None:
    merge = PtsMerge(["a", "b"])
    first = an_event("a", 1, pts_s=1.0)
    merge.push("a", [first])
    merge.advance("a", 9.0)
    assert merge.advance("b", 1.0) == [first]


def test_within_a_frame_a_camera_keeps_its_order_so_that_a_name_is_taken_before_it_is_given() -> None:
    merge = PtsMerge(["a"])
    withdrawn, named = an_event("a", 10, seq=2), an_event("a", 9)
    merge.push("a", [withdrawn, named])
    assert merge.finish("a") == [withdrawn, named]


def test_a_camera_without_events_does_not_hold_up_the_others_for_ever() -> None:
    merge = PtsMerge(["a", "silent"])
    event = an_event("a", 1)
    assert merge.push("a", [event]) == []
    assert merge.finish("silent") == []
    assert merge.finish("a") == [event]


def test_a_broken_promise_is_an_error() -> None:
    merge = PtsMerge(["a"])
    merge.advance("a", 2.0)
    merge.advance("a", 1.0)
    with pytest.raises(ValueError, match=r"door:k3f9:17 is not an event of camera a"):
        merge.push("a", [an_event("door")])
    with pytest.raises(ValueError, match=r"pts 1\.5 s is below the camera's watermark of 2\.0 s"):
        merge.push("a", [an_event("a", pts_s=1.5)])
    merge.finish("a")
    with pytest.raises(ValueError, match="camera a has finished"):
        merge.advance("a", 3.0)
