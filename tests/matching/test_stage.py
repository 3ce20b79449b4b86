"""The matching stage: a track's fused template asks the gallery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.matching.stage import MatchingStage
from pipeline.types import Aligned, Candidate, Embedded, Faces, FrameInfo, GalleryState, HostPixels, StreamEnd


class OneByOne:
    """A gallery of the unit axes, person k on axis k, searched in full."""

    state = GalleryState(7, 0.9)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def search(
        self, probes: F32, count: int, *, near: I64 | None = None
    ) -> tuple[tuple[Candidate, ...], ...]:
        self.batches.append(len(probes))
        found = []
        for probe in probes:
            order = np.argsort(-probe, kind="stable")[:count]
            found.append(tuple(Candidate(f"p_{k}", f"axis {k}", float(2 - 2 * probe[k])) for k in order))
        return tuple(found)


def embedded(index: int, tracks: list[int], rows: list[int], vectors: F32, quality: float = 0.5) -> Embedded:
    info = FrameInfo("door", index, index / 10, datetime(1970, 1, 1, tzinfo=UTC), 64, 48, 0)
    n, m = len(tracks), len(rows)
    faces = Faces(np.zeros((n, 4), np.float32), np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32))
    aligned = Aligned(
        info,
        faces,
        np.array(tracks, np.int64),
        np.ones(n, np.bool_),
        np.full(n, quality, np.float32),
        np.array(rows, np.int64),
        HostPixels(np.zeros((m, 8, 8, 3), np.uint8)),
    )
    return Embedded(aligned, vectors, "fake")


def axes(*numbers: int) -> F32:
    return np.eye(4, dtype=np.float32)[list(numbers)]


def test_a_match_a_crop_each_with_its_own_track() -> None:
    stage = MatchingStage(OneByOne(), best_shots=3, candidates=2)
    (item,) = stage.process([embedded(0, [5, 6, 7], [0, 2], axes(1, 3))])
    assert [(m.track_id, m.candidates[0].name) for m in item.matches] == [(5, "axis 1"), (7, "axis 3")]
    assert item.gallery == GalleryState(7, 0.9)
    assert len(item.matches[0].candidates) == 2


def test_later_shots_of_a_track_are_fused_with_earlier_ones() -> None:
    stage = MatchingStage(OneByOne(), best_shots=3, candidates=2)
    stage.process([embedded(0, [5], [0], axes(1), quality=0.9)])
    (item,) = stage.process([embedded(1, [5], [0], axes(2), quality=0.3)])
    (match,) = item.matches
    assert match.frames_fused == 2
    assert match.candidates[0].name == "axis 1"
    assert np.allclose(match.template, np.array([0, 3, 1, 0]) / np.sqrt(10), atol=1e-6)


def test_a_frame_without_crops_passes_without_a_search() -> None:
    gallery = OneByOne()
    (item,) = MatchingStage(gallery, 3, 2).process([embedded(0, [5], [], axes())])
    assert item.matches == ()
    assert gallery.batches == []


def test_a_search_covers_one_frame_so_that_batches_cannot_change_an_answer() -> None:
    gallery = OneByOne()
    stage = MatchingStage(gallery, 3, 2)
    stage.process([embedded(0, [5, 6], [0, 1], axes(0, 1)), embedded(1, [5], [0], axes(0))])
    assert gallery.batches == [2, 1]


def test_tracks_and_cameras_that_are_over_are_forgotten() -> None:
    stage = MatchingStage(OneByOne(), best_shots=3, candidates=2)
    stage.process([embedded(0, [5], [0], axes(1))])
    stage.process([embedded(1, [6], [], axes())])
    (item,) = stage.process([embedded(2, [5], [0], axes(2))])
    assert item.matches[0].frames_fused == 1
    stage.end(StreamEnd("door", 3))
    (item,) = stage.process([embedded(0, [5], [0], axes(2))])
    assert item.matches[0].frames_fused == 1


def test_the_second_person_is_looked_up_even_if_one_is_reported_because_the_margin_needs_it() -> None:
    stage = MatchingStage(OneByOne(), best_shots=3, candidates=1)
    (item,) = stage.process([embedded(0, [5], [0], axes(1))])
    assert len(item.matches[0].candidates) == 2


class Numbered(OneByOne):
    """The same, whose people have a template each, and which remembers the hints that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[list[int]] = []

    def search(
        self, probes: F32, count: int, *, near: I64 | None = None
    ) -> tuple[tuple[Candidate, ...], ...]:
        assert near is not None
        self.hints.append(near.tolist())
        found = super().search(probes, count)
        return tuple(tuple(replace(one, label=100 + int(one.name[-1])) for one in people) for people in found)


def test_a_search_begins_with_whom_the_track_was_nearest_to_before() -> None:
    gallery = Numbered()
    stage = MatchingStage(gallery, best_shots=1, candidates=2)
    stage.process([embedded(0, [5, 6], [0, 1], axes(1, 2))])
    stage.process([embedded(1, [5, 6, 7], [1, 2], axes(3, 0))])
    stage.process([embedded(2, [5, 6, 7], [0, 1, 2], axes(1, 2, 0))])
    assert gallery.hints == [[-1, -1], [102, -1], [101, 102, 100]]


class Changing(OneByOne):
    """A gallery of which a newer version appears during the first search."""

    def search(
        self, probes: F32, count: int, *, near: I64 | None = None
    ) -> tuple[tuple[Candidate, ...], ...]:
        self.state = GalleryState(8, 0.8)
        return super().search(probes, count)


def test_an_answer_and_the_state_it_is_told_with_belong_together() -> None:
    gallery = Changing()
    (item,) = MatchingStage(gallery, 3, 2).process([embedded(0, [5], [0], axes(1))])
    assert item.gallery == GalleryState(8, 0.8)
    assert gallery.batches == [1, 1]
