"""Who is where in every frame, for annotated video."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pipeline.events.lifecycle import Closed
from pipeline.events.stage import Outcome
from pipeline.events.trace import Trace
from pipeline.types import Candidate, FrameInfo

ANN = Candidate("p_1", "Ann", 0.4)


def outcome(
    index: int, tracks: dict[int, float], *closed: Closed, observed: bool = True, camera: str = "door"
) -> Outcome:
    """Track t stands at this x; ten frames a second."""
    info = FrameInfo(camera, index, index / 10, datetime(1970, 1, 1, tzinfo=UTC), 64, 48, 0)
    boxes = np.array([[x, 0, x + 10, 10] for x in tracks.values()], np.float32).reshape(-1, 4)
    found = np.full(len(tracks), observed)
    return Outcome(info, np.array(list(tracks), np.int64), boxes, found, (), closed)


def test_boxes_between_looks_are_interpolated_and_named_by_what_was_decided_in_the_end() -> None:
    trace = Trace("door")
    trace(outcome(0, {1: 0.0}))
    trace(outcome(1, {1: 99.0}, observed=False))
    trace(outcome(2, {1: 20.0}, Closed((1,), 4, ANN)))
    faces = list(trace.faces())
    assert [(f.frame_index, float(f.box[0]), f.name, f.number) for f in faces] == [
        (0, 0.0, "Ann", 4),
        (1, 10.0, "Ann", 4),
        (2, 20.0, "Ann", 4),
    ]
    assert all(f.observed for f in faces)
    assert trace.frames == 3


def test_a_face_missed_by_a_look_is_marked() -> None:
    trace = Trace("door")
    trace(outcome(0, {1: 0.0}))
    trace(outcome(5, {1: 50.0}, Closed((1,), 1, None)))
    assert [f.observed for f in trace.faces()] == [True, False, False, False, False, True]


def test_unpublished_sightings_and_other_cameras_are_left_out() -> None:
    trace = Trace("door")
    trace(outcome(0, {1: 0.0, 2: 30.0}))
    trace(outcome(0, {7: 0.0}, Closed((7,), 1, ANN), camera="yard"))
    trace(outcome(1, {}, Closed((1,), None, None), Closed((2,), 1, None)))
    assert [(f.number, f.name) for f in trace.faces()] == [(1, None)]
