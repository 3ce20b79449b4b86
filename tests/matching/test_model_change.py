"""A model that is changed between two frames: vectors of two models are never fused, and never compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.matching.stage import MatchingStage
from pipeline.types import Candidate, Embedded, GalleryState, Matched, OlderVectors
from tests.matching.test_stage import embedded

WIDTHS = {"v0": 3, "v1": 4, "v2": 6}


class OfModel:
    """A gallery that takes vectors of its own model only: they lie on its axes, whose number is the model's."""

    def __init__(self, model_id: str, version: int) -> None:
        self.model_id = model_id
        self.state = GalleryState(version, 0.9, 2, 1)
        self.probes: list[F32] = []

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        assert probes.shape[1] == WIDTHS[self.model_id]
        assert near is not None
        assert set(near.tolist()) <= {-1, self.state.version}
        self.probes += list(probes)
        who = Candidate(f"p_{self.model_id}", self.model_id, 0.4, self.state.version)
        return Answer(self.state, tuple((who,) for _ in probes))


class Older:
    """Knows one person more, of an older model."""

    def __init__(self) -> None:
        self.asked: list[F32 | None] = []

    def join(
        self,
        answer: Answer,
        probes: Sequence[F32 | None],
        count: int,
        *,
        watchlists: frozenset[str] = EVERYBODY,
    ) -> Answer:
        assert all(one is None or one.shape == (WIDTHS["v0"],) for one in probes)
        self.asked += probes
        left = Candidate("p_left", "left behind", 0.2)
        people = tuple(
            row if probe is None else (left, *row)[:count]
            for row, probe in zip(answer.people, probes, strict=True)
        )
        return Answer(answer.state, people)


class TwoModels:
    """Implements `Galleries`; refuses to go back."""

    def __init__(self) -> None:
        self.galleries = {"v1": OfModel("v1", 1), "v2": OfModel("v2", 2)}
        self.left = Older()
        self._last = "v1"

    def of(self, model_id: str) -> OfModel:
        assert model_id >= self._last
        self._last = model_id
        return self.galleries[model_id]

    def older(self, model_id: str) -> Older:
        assert model_id == "v0"
        return self.left


def seen(index: int, model_id: str, tracks: Sequence[int], *, left_behind: bool = False) -> Embedded:
    """A frame in which each track's face looks like the axis of its number."""
    rows = [track % WIDTHS[model_id] for track in tracks]
    vectors = np.eye(WIDTHS[model_id], dtype=np.float32)[rows]
    item = embedded(index, list(tracks), list(range(len(tracks))), vectors)
    older = None
    if left_behind:
        before = np.eye(WIDTHS["v0"], dtype=np.float32)[[track % WIDTHS["v0"] for track in tracks]]
        older = OlderVectors(before, "v0")
    return Embedded(item.aligned, vectors, model_id, older)


def stage_of(galleries: TwoModels) -> MatchingStage:
    return MatchingStage(galleries, best_shots=3, candidates=2, handover_distance=1.3)


@given(
    st.lists(st.lists(st.integers(1, 4), max_size=3, unique=True), min_size=1, max_size=12),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_vectors_of_two_models_are_never_fused_or_compared(
    frames: list[list[int]], changed_at: int, left_from: int
) -> None:
    galleries = TwoModels()
    stage = stage_of(galleries)
    models = ["v1" if index < changed_at else "v2" for index in range(len(frames))]
    alive: dict[tuple[str, int], int] = {}
    for index, (tracks, model_id) in enumerate(zip(frames, models, strict=True)):
        (matched,) = stage.process([seen(index, model_id, tracks, left_behind=index >= left_from)])
        alive = {key: count for key, count in alive.items() if key[1] in tracks}
        assert matched.gallery.model_id == model_id
        assert matched.track_ids.tolist() == tracks  # to the stages behind, a track goes on
        for match in matched.matches:
            key = (model_id, match.track_id)
            alive[key] = alive.get(key, 0) + 1
            assert match.model_id == model_id
            assert match.template.shape == (WIDTHS[model_id],)
            assert match.frames_fused == min(alive[key], 3)


def test_shots_that_an_older_model_saw_too_are_fused_by_it_as_well() -> None:
    galleries = TwoModels()
    stage = stage_of(galleries)
    stage.process([seen(0, "v1", [1])])
    (matched,) = stage.process([seen(1, "v1", [1], left_behind=True)])
    (probe,) = galleries.left.asked
    assert probe is not None
    assert probe.tolist() == [0.0, 1.0, 0.0]
    assert [one.name for one in matched.matches[0].candidates] == ["left behind", "v1"]
    assert matched.matches[0].frames_fused == 2


def test_a_frame_that_the_older_model_did_not_see_is_told_of_without_it() -> None:
    galleries = TwoModels()
    matched: Sequence[Matched] = stage_of(galleries).process([seen(0, "v1", [1])])
    assert [one.name for one in matched[0].matches[0].candidates] == ["v1"]
    assert galleries.left.asked == []


def test_shots_of_two_older_models_are_not_fused() -> None:
    """Whoever the first alone knew was seen again, and the second alone knows somebody else."""
    galleries = TwoModels()
    stage = stage_of(galleries)
    stage.process([seen(0, "v1", [1], left_behind=True)])
    later = seen(1, "v1", [1], left_behind=True)
    assert later.older is not None
    other = OlderVectors(later.older.vectors[:, ::-1].copy(), "u0")
    galleries.older = lambda model_id: galleries.left  # type: ignore[method-assign]
    (matched,) = stage.process([replace(later, older=other)])
    probe = galleries.left.asked[-1]
    assert probe is not None
    assert probe.tolist() == other.vectors[0].tolist()
    assert matched.matches[0].frames_fused == 1
