"""Another face takes a track over: its shots tell, one bad shot does not."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.matching.fusion import Shot, TrackFace
from pipeline.matching.stage import TAKEN_OVER, MatchingStage, OneGallery
from pipeline.pixels import HostPixels
from pipeline.types import Aligned, Embedded, Faces, FrameInfo, GalleryState, Matched

AT = 1.4
ANN, BOB, EVE = (np.eye(4, dtype=np.float32)[k] for k in range(3))
"""2.0 from each other"""


def face(*vectors: F32, capacity: int = 5, at: float = AT) -> tuple[TrackFace, list[int]]:
    """A track's face after these shots, and how many shots were fused after each."""
    track = TrackFace(capacity, at)
    return track, [track.add(Shot(v, 0.5, i)).frames_fused for i, v in enumerate(vectors)]


def between(a: F32, b: F32, share: float) -> F32:
    """A unit vector from a (0) to b (1)."""
    mixed = ((1 - share) * a + share * b).astype(np.float32)
    return mixed / np.float32(np.linalg.norm(mixed))


def test_two_shots_of_somebody_else_in_a_row_take_the_track_over() -> None:
    track, fused = face(ANN, ANN, BOB, BOB)
    assert fused == [1, 2, 2, 2]
    assert track.handovers == 1
    assert np.allclose(track.add(Shot(BOB, 0.5, 9)).template, BOB)


def test_one_shot_that_is_off_is_bad_luck_and_blurs_nothing() -> None:
    track, fused = face(ANN, ANN, BOB, ANN, BOB, ANN)
    assert fused == [1, 2, 2, 3, 3, 4]
    assert track.handovers == 0
    assert np.allclose(track.add(Shot(ANN, 0.5, 9)).template, ANN)


def test_two_shots_that_are_off_in_different_ways_are_bad_luck_twice() -> None:
    track, fused = face(ANN, ANN, BOB, EVE, BOB)
    assert fused == [1, 2, 2, 2, 2]
    assert track.handovers == 0


def test_one_shot_alone_may_itself_be_the_one_that_is_off() -> None:
    track, fused = face(BOB, ANN, ANN, ANN)
    assert fused == [1, 2, 3, 4]
    assert track.handovers == 0


def test_a_face_that_turns_away_slowly_stays_the_same() -> None:
    track, fused = face(*(between(ANN, BOB, step / 10) for step in range(11)))
    assert fused[-1] == 5
    assert track.handovers == 0


def test_the_limit_is_the_distance_itself() -> None:
    """1.2 from Ann: cosine 0.4."""
    near = np.array([0.4, np.sqrt(1 - 0.16), 0, 0], np.float32)
    assert face(ANN, ANN, near, near, at=1.19)[0].handovers == 1
    assert face(ANN, ANN, near, near, at=1.21)[0].handovers == 0


def test_a_track_may_be_taken_over_again() -> None:
    assert face(ANN, ANN, BOB, BOB, EVE, EVE)[0].handovers == 2


@pytest.mark.parametrize("opposite", [BOB, -ANN])
def test_with_4_a_track_is_one_face_for_good(opposite: F32) -> None:
    assert face(ANN, ANN, opposite, opposite, at=4.0)[0].handovers == 0


class Nobody:
    """An empty gallery."""

    state = GalleryState(0, 0.9)

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        return Answer(self.state, ((),) * len(probes))


def shown(stage: MatchingStage, index: int, tracks: list[int], shots: dict[int, F32]) -> Matched:
    """What the stage says of a frame with these tracks, some of which have a shot."""
    n = len(tracks)
    rows = [row for row, track in enumerate(tracks) if track in shots]
    aligned = Aligned(
        FrameInfo("door", index, index / 10, datetime(1970, 1, 1, tzinfo=UTC), 64, 48, 0),
        Faces(np.zeros((n, 4), np.float32), np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32)),
        np.array(tracks, np.int64),
        np.ones(n, np.bool_),
        np.full(n, 0.5, np.float32),
        np.array(rows, np.int64),
        HostPixels(np.zeros((len(rows), 8, 8, 3), np.uint8)),
    )
    vectors = np.array([shots[tracks[row]] for row in rows], np.float32).reshape(len(rows), 4)
    (item,) = stage.process([Embedded(aligned, vectors, "fake")])
    return item


def test_later_stages_see_one_track_end_and_another_begin() -> None:
    stage = MatchingStage(OneGallery(Nobody()), best_shots=5, candidates=2, handover_distance=AT)
    said = [shown(stage, i, [5, 6], {6: EVE, 5: shot}) for i, shot in enumerate([ANN, ANN, BOB, BOB])]
    assert [item.track_ids.tolist() for item in said] == [[5, 6]] * 3 + [[5 + TAKEN_OVER, 6]]
    assert [match.track_id for match in said[-1].matches] == [5 + TAKEN_OVER, 6]
    assert np.allclose(said[-1].matches[0].template, BOB)
    assert said[-1].matches[0].frames_fused == 2


def test_the_new_id_stays_for_as_long_as_the_tracker_keeps_its_own() -> None:
    stage = MatchingStage(OneGallery(Nobody()), best_shots=5, candidates=2, handover_distance=AT)
    for index, shot in enumerate([ANN, ANN, BOB, BOB]):
        shown(stage, index, [5], {5: shot})
    assert shown(stage, 4, [5, 7], {}).track_ids.tolist() == [5 + TAKEN_OVER, 7]
    assert shown(stage, 5, [5], {5: BOB}).matches[0].frames_fused == 3
    assert shown(stage, 6, [7], {}).track_ids.tolist() == [7]
