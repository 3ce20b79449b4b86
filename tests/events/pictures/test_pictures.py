"""Which shot a sighting's picture shows: the best that is surely of it, and never one of somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.events.event import IdentityEvent
from pipeline.events.pictures.pictures import Pictures
from pipeline.events.pictures.shots import Kept, Offered, Shot, Still
from pipeline.events.stage import EventContext, LifecycleStage
from pipeline.gallery.keeping.picture_about import About
from pipeline.pixels import HostPixels
from pipeline.types import Faces, Frame, Match, Matched, StreamEnd
from tests.events.door import CONTEXT, GALLERY, RULES, face, people
from tests.events.made_shots import info, noise

RUN = "door:abc"


@dataclass
class Album:
    """Keeps pictures in memory: what is on the board, and at each path the shot that was put there last."""

    offered: dict[int, Offered] = field(default_factory=dict)
    put_shots: dict[str, Shot] = field(default_factory=dict)
    puts: list[tuple[str, int]] = field(default_factory=list)
    """number of the sighting, and the frame"""
    abouts: list[About] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    full: bool = False

    def take(self, camera: str, frame_index: int) -> Offered | None:
        return self.offered.pop(frame_index, None)

    def finish(self, camera: str, frames: int) -> None:
        self.offered.clear()

    def has_room(self, still_bytes: int) -> bool:
        return not self.full

    def develop(self, still: Still, shots: list[Shot]) -> None:
        assert all(shot.still is still for shot in shots)

    def put(self, path: str, shot: Shot, about: About) -> Kept | None:
        if self.full:
            return None
        self.put_shots[path] = shot
        self.puts.append((about.sighting_id.rpartition(":")[2], shot.still.info.index))
        self.abouts.append(about)
        self.kept.append(Kept(path, about.sighting_id, shot))
        return self.kept[-1]

    def erase(self, path: str) -> None:
        del self.put_shots[path]


class NoBoard:
    """Feedback that nobody asks for."""

    def publish(self, camera: str, frame_index: int, known_tracks: frozenset[int]) -> None:
        """Forget it."""

    def pause(self, camera: str, frames: int) -> None:
        """Forget it."""

    def finish(self, camera: str) -> None:
        """Forget it."""


class Camera:
    """Ten frames a second whose faces and matches the test states; every face is offered, in a place of its own."""

    def __init__(self, album: Album, context: EventContext = CONTEXT) -> None:
        self.album = album
        self.stage = LifecycleStage(RULES, context, NoBoard(), Pictures(album, album))
        self.index = -1
        self.events: list[IdentityEvent] = []

    def frame(
        self,
        qualities: Mapping[int, float],
        *matches: Match,
        offer: bool = True,
        predicted: tuple[int, ...] = (),
    ) -> None:
        """A frame with these tracks, and others that are not found in it."""
        self.index += 1
        seen = info(self.index)
        found = len(qualities)
        qualities = {**qualities, **dict.fromkeys(predicted, 0.0)}
        n = len(qualities)
        boxes = np.array([[10 * t, 5, 10 * t + 8, 15] for t in qualities], np.float32).reshape(n, 4)
        faces = Faces(boxes, np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32))
        if offer and found:
            still = Frame(seen, HostPixels(noise(self.index)))
            self.album.offered[self.index] = Offered(still, np.arange(found))
        quality = np.array(list(qualities.values()), np.float32)
        item = Matched(
            seen, faces, np.array(list(qualities), np.int64), np.arange(n) < found, quality, matches, GALLERY
        )
        for outcome in self.stage.process([item]):
            self.events += outcome.events

    def nobody(self, frames: int) -> None:
        for _ in range(frames):
            self.frame({})

    def end(self) -> None:
        for outcome in self.stage.end(StreamEnd("door", self.index + 1)):
            self.events += outcome.events

    def told(self) -> list[str]:
        return [
            f"{event.type} {event.sighting_id.rpartition(':')[2]} {event.snapshot}" for event in self.events
        ]


def matched(track: int, shots: int, weight: float, quality: float, seed: int = 1, who: str = "ann") -> Match:
    return Match(track, face(seed), shots, weight, quality, people(**{who: 0.5}))


def path(number: int) -> str:
    return f"snapshots/2026-05-01/door/abc-{number}.jpg"


def test_a_picture_is_put_when_the_sighting_is_told_and_again_at_its_end_if_it_is_better() -> None:
    camera = Camera(Album())
    camera.frame({1: 0.5}, matched(1, 1, 0.5, 0.5))
    camera.frame({1: 0.4}, matched(1, 2, 0.9, 0.5))
    assert camera.album.puts == [("1", 0)]
    camera.frame({1: 0.6}, matched(1, 3, 1.5, 0.6))
    camera.nobody(25)
    assert camera.album.puts == [("1", 0), ("1", 2)]
    assert camera.told() == [f"new 1 {path(1)}", f"end 1 {path(1)}"]
    about = camera.album.abouts[-1]
    assert (about.sighting_id, about.frame_index, about.box) == (
        f"{RUN}:1",
        2,
        (10 / 96, 5 / 64, 18 / 96, 15 / 64),
    )


def test_a_picture_that_is_the_best_already_is_not_put_again() -> None:
    camera = Camera(Album())
    for shots in range(1, 9):
        camera.frame({1: 0.5 - shots / 100}, matched(1, shots, shots / 2, 0.49))
    camera.end()
    assert camera.album.puts == [("1", 0)]


def test_a_shot_that_the_template_did_not_take_in_is_no_picture_of_it() -> None:
    camera = Camera(Album())
    camera.frame({1: 0.4}, matched(1, 1, 0.4, 0.4))
    camera.frame({1: 0.4}, matched(1, 2, 0.8, 0.4))
    camera.frame({1: 0.9}, matched(1, 2, 0.8, 0.4))  # set aside: somebody else, perhaps
    camera.frame({1: 0.9})
    camera.end()
    assert camera.album.put_shots[path(1)].still.info.index == 0


def test_who_takes_a_track_over_begins_with_a_picture_of_their_own() -> None:
    camera = Camera(Album())
    camera.frame({1: 0.8}, matched(1, 1, 0.8, 0.8))
    camera.frame({1: 0.7}, matched(1, 2, 1.5, 0.8))
    camera.frame({1: 0.9}, matched(1, 2, 1.5, 0.8))
    taken_over = 1 + (1 << 32)
    camera.frame({taken_over: 0.3}, matched(taken_over, 2, 1.2, 0.9, seed=9, who="bob"))
    camera.frame({taken_over: 0.2}, matched(taken_over, 3, 1.4, 0.9, seed=9, who="bob"))
    camera.end()
    frames = {place: shot.still.info.index for place, shot in camera.album.put_shots.items()}
    assert frames == {path(1): 0, path(2): 3}


def test_a_face_without_a_single_embedding_has_its_clearest_glimpse() -> None:
    camera = Camera(Album())
    for quality in (0.01, 0.05, 0.02, *[0.01] * 10):
        camera.frame({1: quality})
    camera.end()
    assert camera.told() == [f"new 1 {path(1)}", f"end 1 {path(1)}"]
    assert camera.album.put_shots[path(1)].still.info.index == 1


def test_a_glimpse_gives_way_to_the_first_shot_of_the_template_and_is_never_missed_again() -> None:
    camera = Camera(Album())
    for _ in range(12):
        camera.frame({1: 0.09})
    camera.frame({1: 0.05}, matched(1, 1, 0.05, 0.05))
    camera.frame({1: 0.3})
    camera.end()
    assert [index for _, index in camera.album.puts] == [0, 12]


def taken_for_one(camera: Camera) -> None:
    """A twin is taken for Ann, who is out of sight for a moment, and gives her sighting a better picture."""
    camera.frame({1: 0.3}, matched(1, 1, 0.3, 0.3))
    camera.frame({1: 0.3}, matched(1, 2, 0.6, 0.3))
    camera.frame({}, predicted=(1,))
    camera.frame({2: 0.8}, matched(2, 3, 2.4, 0.8), predicted=(1,))
    camera.frame({2: 0.8}, matched(2, 4, 3.2, 0.8), predicted=(1,))
    assert camera.album.put_shots[path(1)].box[0] == 20


def test_two_who_were_taken_for_one_get_each_their_own_picture() -> None:
    camera = Camera(Album())
    taken_for_one(camera)
    camera.frame({1: 0.1, 2: 0.1})  # both at once
    assert camera.album.put_shots[path(1)].box[0] == 10
    for _ in range(12):
        camera.frame({1: 0.1, 2: 0.1})
    camera.end()
    assert {place: shot.box[0] for place, shot in camera.album.put_shots.items()} == {
        path(1): 10,
        path(2): 20,
    }


def test_a_picture_of_the_other_one_goes_at_once_where_there_is_no_room_for_the_right_one() -> None:
    camera = Camera(Album())
    taken_for_one(camera)
    camera.album.full = True
    camera.frame({1: 0.1, 2: 0.1})
    assert camera.album.put_shots == {}


def test_nothing_is_promised_while_there_is_no_room_and_everything_once_there_is() -> None:
    camera = Camera(Album(full=True))
    camera.frame({1: 0.5}, matched(1, 1, 0.5, 0.5))
    camera.frame({1: 0.5}, matched(1, 2, 1.0, 0.5))
    camera.album.full = False
    camera.frame({1: 0.6}, matched(1, 3, 1.6, 0.6))
    camera.end()
    assert camera.told() == ["new 1 None", f"end 1 {path(1)}"]


def test_a_picture_that_failed_is_promised_no_more_and_put_again() -> None:
    camera = Camera(Album())
    camera.frame({1: 0.5}, matched(1, 1, 0.5, 0.5))
    camera.frame({1: 0.5}, matched(1, 2, 1.0, 0.5))
    camera.album.kept[0].is_missed = camera.album.kept[0].is_absent = True
    camera.album.full = True
    camera.frame({1: 0.5}, Match(1, face(1), 3, 1.5, 0.5, people(bob=0.5)))
    camera.album.full = False
    camera.end()
    assert camera.told()[0] == f"new 1 {path(1)}"
    assert camera.told()[1] == "update 1 None"
    assert camera.told()[-1] == f"end 1 {path(1)}"


def test_a_picture_of_somebody_who_was_forgotten_never_comes_back() -> None:
    camera = Camera(Album())
    camera.frame({1: 0.5}, matched(1, 1, 0.5, 0.5))
    camera.frame({1: 0.5}, matched(1, 2, 1.0, 0.5))
    camera.album.kept[0].is_erased = True
    camera.frame({1: 0.9}, matched(1, 3, 1.9, 0.9))
    camera.end()
    assert camera.told() == [f"new 1 {path(1)}", "update 1 None", "end 1 None"]
    assert len(camera.album.puts) == 1


def test_a_frame_of_the_same_number_that_is_another_is_passed_over() -> None:
    camera = Camera(Album())
    camera.album.offered[0] = Offered(
        Frame(info(0, width=200), HostPixels(noise(0, width=200))), np.arange(1)
    )
    camera.frame({1: 0.5}, matched(1, 1, 0.5, 0.5), offer=False)
    camera.frame({1: 0.5}, matched(1, 2, 1.0, 0.5), offer=False)
    camera.end()
    assert camera.told() == ["new 1 None", "end 1 None"]
