"""What holds of a tracker whatever it is shown: random people, missed looks, weak faces, frames in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.tracking.associate import Gates
from pipeline.tracking.tracker import Tracker, TrackRows, TrackRules
from pipeline.types import Faces
from tests.tracking.people import faces_of

WIDTH, HEIGHT = 400, 300
RULES = TrackRules(Gates(0.5, 0.2, 0.4), max_lost_s=0.35, min_looks=2)


@dataclass(frozen=True)
class Step:
    """A frame: what was found in it, or None where the detector did not look."""

    dt_s: float
    found: tuple[tuple[float, float, float, float, float], ...] | None
    """x0 y0 x1 y1 score"""


def walk(start: float, speed: float, seen: Sequence[bool], dt_s: float) -> list[Step]:
    """Somebody who walks to the right; two frames without a look between any two looks."""
    steps = []
    for number, found in enumerate(seen):
        x = start + number * speed
        steps.append(Step(dt_s, ((x, 100.0, x + 40, 150.0, 0.9),) if found else ()))
        steps += [Step(dt_s / 3, None), Step(dt_s / 3, None)]
    return steps


BOXES = st.builds(
    lambda x, y, side, score: (x, y, x + side, y + side * 1.25, score),
    st.floats(-30, WIDTH),
    st.floats(-30, HEIGHT),
    st.floats(15, 80),
    st.floats(0.3, 1.0),
)
LOOKS = st.lists(BOXES, max_size=4).map(tuple)
CHANCE = st.lists(st.builds(Step, st.floats(0.0, 0.3), st.none() | LOOKS), max_size=30)
WALKS = st.builds(
    walk, st.floats(0, 380), st.floats(-40, 40), st.lists(st.booleans(), max_size=12), st.floats(0.03, 0.5)
)


def follow(steps: Sequence[Step]) -> Iterator[tuple[Step, Faces, TrackRows]]:
    tracker, pts_s = Tracker(RULES), 0.0
    for step in steps:
        pts_s += step.dt_s
        if step.found is None:
            yield step, Faces.none(), tracker.predict(pts_s, WIDTH, HEIGHT)
        else:
            faces = faces_of([box[:4] for box in step.found], [box[4] for box in step.found])
            yield step, faces, tracker.update(faces, pts_s, WIDTH, HEIGHT)


@given(steps=CHANCE | WALKS)
@example(steps=walk(300, 25, [True] * 5, 0.1))  # predicted to have left, and found again
@example(steps=walk(100, 0, [True, True, False, True], 0.3))  # predicted for longer than it may be lost
def test_a_track_that_is_gone_never_comes_back(steps: list[Step]) -> None:
    """What later stages keep of a track they let go of when it is missing: it must not be missing for a frame."""
    gone: set[int] = set()
    before: set[int] = set()
    for _, _, rows in follow(steps):
        here = set(rows.track_ids.tolist())
        assert not here & gone
        gone |= before - here
        before = here


@given(steps=CHANCE | WALKS)
def test_ids_are_unique_in_a_frame_ascending_and_count_from_one(steps: list[Step]) -> None:
    known = 0
    for _, _, rows in follow(steps):
        ids = rows.track_ids.tolist()
        assert ids == sorted(set(ids))
        fresh = [track for track in ids if track > known]
        assert fresh == list(range(known + 1, known + 1 + len(fresh)))
        known += len(fresh)


@given(steps=CHANCE | WALKS)
def test_an_observed_face_is_the_detectors_own_and_every_other_is_in_the_frame(steps: list[Step]) -> None:
    for step, faces, rows in follow(steps):
        found = {box.tobytes() for box in faces.boxes}
        assert all(box.tobytes() in found for box in rows.faces.boxes[rows.observed])
        assert step.found is not None or not rows.observed.any()
        guessed = rows.faces.boxes[~rows.observed]
        assert np.all(guessed >= 0)
        assert np.all(guessed <= (WIDTH, HEIGHT, WIDTH, HEIGHT))
        assert np.all(np.isfinite(rows.faces.landmarks))


@given(steps=CHANCE | WALKS)
def test_nobody_found_for_long_enough_leaves_nothing(steps: list[Step]) -> None:
    *_, (_, _, rows) = follow([*steps, Step(0.1, ()), Step(RULES.max_lost_s + 0.01, ())])
    assert len(rows.faces) == 0
