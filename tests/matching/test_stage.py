"""The matching stage: a track's fused template asks the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.matching.stage import MatchingStage, OneGallery
from pipeline.pixels import HostPixels
from pipeline.types import Aligned, Candidate, Embedded, Faces, FrameInfo, GalleryState, StreamEnd


class OneByOne:
    """A gallery of the unit axes, person k on axis k, searched in full."""

    state = GalleryState(7, 0.9)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        self.batches.append(len(probes))
        found = []
        for probe in probes:
            order = np.argsort(-probe, kind="stable")[:count]
            found.append(tuple(Candidate(f"p_{k}", f"axis {k}", float(2 - 2 * probe[k])) for k in order))
        return Answer(self.state, tuple(found))


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
    stage = MatchingStage(OneGallery(OneByOne()), best_shots=3, candidates=2)
    (item,) = stage.process([embedded(0, [5, 6, 7], [0, 2], axes(1, 3))])
    assert [(m.track_id, m.candidates[0].name) for m in item.matches] == [(5, "axis 1"), (7, "axis 3")]
    assert item.gallery == GalleryState(7, 0.9)
    assert len(item.matches[0].candidates) == 2


def test_later_shots_of_a_track_are_fused_with_earlier_ones() -> None:
    stage = MatchingStage(OneGallery(OneByOne()), best_shots=3, candidates=2)
    stage.process([embedded(0, [5], [0], axes(1), quality=0.9)])
    (item,) = stage.process([embedded(1, [5], [0], axes(2), quality=0.3)])
    (match,) = item.matches
    assert match.frames_fused == 2
    assert match.candidates[0].name == "axis 1"
    assert np.allclose(match.template, np.array([0, 3, 1, 0]) / np.sqrt(10), atol=1e-6)


def test_a_frame_without_crops_asks_for_nobody() -> None:
    gallery = OneByOne()
    (item,) = MatchingStage(OneGallery(gallery), 3, 2).process([embedded(0, [5], [], axes())])
    assert item.matches == ()
    assert item.gallery == GalleryState(7, 0.9)
    assert gallery.batches == [0]


def test_a_search_covers_one_frame_so_that_batches_cannot_change_an_answer() -> None:
    gallery = OneByOne()
    stage = MatchingStage(OneGallery(gallery), 3, 2)
    stage.process([embedded(0, [5, 6], [0, 1], axes(0, 1)), embedded(1, [5], [0], axes(0))])
    assert gallery.batches == [2, 1]


def test_tracks_and_cameras_that_are_over_are_forgotten() -> None:
    stage = MatchingStage(OneGallery(OneByOne()), best_shots=3, candidates=2)
    stage.process([embedded(0, [5], [0], axes(1))])
    stage.process([embedded(1, [6], [], axes())])
    (item,) = stage.process([embedded(2, [5], [0], axes(2))])
    assert item.matches[0].frames_fused == 1
    stage.end(StreamEnd("door", 3))
    (item,) = stage.process([embedded(0, [5], [0], axes(2))])
    assert item.matches[0].frames_fused == 1


def test_the_second_person_is_looked_up_even_if_one_is_reported_because_the_margin_needs_it() -> None:
    stage = MatchingStage(OneGallery(OneByOne()), best_shots=3, candidates=1)
    (item,) = stage.process([embedded(0, [5], [0], axes(1))])
    assert len(item.matches[0].candidates) == 2


class Numbered(OneByOne):
    """The same, whose people have a template each, and which remembers the hints that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[list[int]] = []

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        assert near is not None
        self.hints.append(near.tolist())
        found = super().answer(probes, count)
        return replace(
            found,
            people=tuple(
                tuple(replace(one, label=100 + int(one.name[-1])) for one in people)
                for people in found.people
            ),
        )


def test_a_search_begins_with_whom_the_track_was_nearest_to_before() -> None:
    gallery = Numbered()
    stage = MatchingStage(OneGallery(gallery), best_shots=1, candidates=2)
    stage.process([embedded(0, [5, 6], [0, 1], axes(1, 2))])
    stage.process([embedded(1, [5, 6, 7], [1, 2], axes(3, 0))])
    stage.process([embedded(2, [5, 6, 7], [0, 1, 2], axes(1, 2, 0))])
    assert gallery.hints == [[-1, -1], [102, -1], [101, 102, 100]]


class Changing(OneByOne):
    """A gallery of which a newer version appears during the search."""

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        found = super().answer(probes, count)
        self.state = GalleryState(8, 0.8)
        return found


def test_an_answer_and_the_state_it_is_told_with_belong_together() -> None:
    gallery = Changing()
    stage = MatchingStage(OneGallery(gallery), 3, 2)
    first, second = stage.process([embedded(0, [5], [0], axes(1)), embedded(1, [5], [], axes())])
    assert (first.gallery, second.gallery) == (GalleryState(7, 0.9), GalleryState(8, 0.8))
    assert gallery.batches == [1, 0]


class OnLists(OneByOne):
    """The same, of whom some are on a list; it remembers among whom it was asked to look."""

    on: Mapping[str, tuple[str, ...]] = {"staff": ("axis 1", "axis 2"), "vip": ("axis 3",)}

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[frozenset[str]] = []

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        self.asked.append(watchlists)
        found = super().answer(probes, 4)
        if not watchlists:
            return found
        allowed = {name for one in watchlists for name in self.on.get(one, ())}
        people = tuple(tuple(one for one in row if one.name in allowed) for row in found.people)
        return Answer(self.state, people, tuple(sorted(watchlists - self.on.keys())))


def at(camera: str, index: int, vectors: F32) -> Embedded:
    item = embedded(index, [5], [0], vectors)
    return replace(item, aligned=replace(item.aligned, info=replace(item.aligned.info, camera=camera)))


def test_each_camera_of_a_batch_is_searched_among_its_own_lists_which_may_change() -> None:
    gallery = OnLists()
    lists = {"door": frozenset({"staff"}), "yard": frozenset({"vip", "staff"})}
    stage = MatchingStage(OneGallery(gallery), 1, 2, lists_of=lambda camera: lists.get(camera, EVERYBODY))

    def seen(camera: str, index: int) -> str:
        (item,) = stage.process([at(camera, index, axes(0))])
        return ", ".join(one.name for one in item.matches[0].candidates)

    door, yard, hall = stage.process([at(camera, 0, axes(3)) for camera in ("door", "yard", "hall")])
    assert [item.matches[0].candidates[0].name for item in (door, yard, hall)] == [
        "axis 1",
        "axis 3",
        "axis 3",
    ]
    lists["door"] = frozenset({"vip"})
    assert seen("door", 1) == "axis 3"
    del lists["door"]
    assert seen("door", 2) == "axis 3, axis 0, axis 1, axis 2"
    assert gallery.asked[:3] == [frozenset({"staff"}), frozenset({"vip", "staff"}), EVERYBODY]


def test_a_list_that_there_is_not_names_nobody_and_is_told_once_with_the_camera(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lists = {"door": frozenset({"stuff"}), "yard": frozenset({"stuff", "vip"})}
    stage = MatchingStage(OneGallery(OnLists()), 1, 2, lists_of=lists.__getitem__)
    for index in range(3):
        door, yard = stage.process([at(camera, index, axes(1)) for camera in lists])
        assert (door.matches[0].candidates, len(yard.matches[0].candidates)) == ((), 1)
        stage.end(StreamEnd("door", 1, pause=True))
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "camera door: there is no watchlist 'stuff'",
        "camera yard: there is no watchlist 'stuff'",
    ]
    caplog.clear()
    stage.end(StreamEnd("door", 1))
    stage.process([at(camera, 9, axes(1)) for camera in lists])
    assert len(caplog.records) == 1
