"""What becomes of events on the way out: stranger ids, silence about the ignored, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.memory_sink import MemorySink
from pipeline.events.merge import PtsMerge
from pipeline.events.publish import PublishingStage
from pipeline.events.stage import Outcome, stranger_id
from pipeline.events.strangers.sighting_log import CollectedSightings
from pipeline.events.strangers.strangers import StrangerIds
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.sightings.sighting_records import KnownStrangers
from pipeline.gallery.sightings.stranger_book import BookRules, StrangerBook, StrangerNews
from pipeline.types import FrameInfo, StreamEnd
from tests.events.stated import stated
from tests.events.strategies import ANN, START
from tests.gallery.people import DIMENSION
from tests.gallery.sightings.test_stranger_book import known, news

NEW, UPDATE, END = EventType.NEW, EventType.UPDATE, EventType.END


class GivenNews:
    """News that a test hands out."""

    def __init__(self, *pieces: StrangerNews) -> None:
        self.pieces = list(pieces)

    def open(self) -> None:
        pass

    def take(self) -> StrangerNews | None:
        return self.pieces.pop(0) if self.pieces else None

    def close(self) -> None:
        pass


class Desk:
    """Strangers of a run, what was told and what was kept."""

    def __init__(self, before: KnownStrangers | None = None, *pieces: StrangerNews) -> None:
        book = StrangerBook(before or known(), BookRules(0.3, 5), lambda _: 0.7, ExactIndex(DIMENSION))
        self.kept = CollectedSightings()
        self.ids = StrangerIds(book, self.kept, apart_s=3.0, news=GivenNews(*pieces))

    def tell(self, *events: IdentityEvent) -> list[IdentityEvent]:
        told = self.ids.tell(events)
        self.ids.keep(told)
        return list(told.events)


def lines(events: Sequence[IdentityEvent]) -> list[str]:
    return [
        f"{e.sighting_id.rpartition(':')[2]} {e.type} {e.seq} {e.identity.name if e.identity else e.stranger_id}"
        for e in events
    ]


def own(number: int, camera: str = "door") -> str:
    return stranger_id(f"{camera}:k3f9:{number}")


def test_a_face_that_was_seen_before_has_the_id_of_then() -> None:
    desk = Desk()
    told = desk.tell(
        stated(NEW, 1),
        stated(END, 1),
        stated(NEW, 2, shot=1, since_s=60, at_s=61),
        stated(NEW, 3, person=2, since_s=90, at_s=91),
        stated(NEW, 1, shot=2, camera="yard", since_s=90, at_s=91),
    )
    assert [event.stranger_id for event in told] == [own(1), own(1), own(1), own(3), own(1)]


def test_an_id_of_its_own_may_become_one_seen_before_and_not_the_other_way_round() -> None:
    desk = Desk()
    desk.tell(stated(NEW, 1), stated(END, 1))
    told = desk.tell(
        stated(NEW, 2, person=2, since_s=60, at_s=61),  # a bad shot, like nobody
        stated(UPDATE, 2, shot=1, since_s=60, at_s=61),
        stated(END, 2, person=3, since_s=60, at_s=61),
    )
    assert lines(told) == [f"2 new 1 {own(2)}", f"2 update 2 {own(1)}", f"2 end 3 {own(1)}"]
    assert [one.stranger_id for one in desk.kept.sightings] == [own(1), own(1)]


def test_two_who_are_seen_together_are_two() -> None:
    desk = Desk()
    told = desk.tell(
        stated(NEW, 1),
        stated(NEW, 2, shot=1, since_s=0.5, at_s=1.5),
        stated(END, 1, at_s=2.0),
        stated(NEW, 3, shot=2, since_s=1.9, at_s=3.0),  # the first was still there when this one came
        stated(NEW, 4, shot=3, since_s=2.5, at_s=3.5),  # but not when this one did
        stated(NEW, 1, shot=4, camera="yard", since_s=1.0),  # and another camera may look at the same place
    )
    ids = [event.stranger_id for event in told]
    assert ids[:4] == [own(1), own(2), own(1), own(3)]
    assert ids[4] == own(1)
    assert ids[5] in {own(1), own(2), own(3)}


@pytest.mark.parametrize(("person", "quality"), [(None, 0.0), (1, 0.29)])
def test_nobody_is_recognised_in_or_by_a_poor_shot(person: int | None, quality: float) -> None:
    desk = Desk()
    desk.tell(stated(NEW, 1), stated(END, 1))
    poor = desk.tell(stated(NEW, 2, person=person, quality=quality, since_s=60, at_s=61))
    assert poor[0].stranger_id == own(2)
    assert [one.stands for one in desk.kept.sightings] == [True, False]
    better = desk.tell(stated(END, 2, since_s=60, at_s=62))
    assert better[0].stranger_id == own(1)


def test_a_known_person_is_no_stranger_and_stands_for_none() -> None:
    desk = Desk()
    told = desk.tell(stated(NEW, 1), stated(UPDATE, 1, who=ANN), stated(END, 1, who=ANN))
    assert lines(told) == [f"1 new 1 {own(1)}", "1 update 2 Ann", "1 end 3 Ann"]
    (kept,) = desk.kept.sightings
    assert (kept.person_id, kept.stranger_id, kept.stands, kept.seq) == (ANN.id, None, False, 3)
    again = desk.tell(stated(NEW, 2, shot=1, since_s=60, at_s=61))
    assert again[0].stranger_id == own(2)


def test_a_name_that_is_withdrawn_leaves_a_stranger() -> None:
    desk = Desk()
    told = desk.tell(stated(NEW, 1, who=ANN), stated(UPDATE, 1))
    assert lines(told) == ["1 new 1 Ann", f"1 update 2 {own(1)}"]
    assert desk.kept.sightings[0].stands


IGNORED = known(ignored=[own(1)])


def test_of_an_ignored_stranger_nothing_is_told_but_the_sighting_is_kept() -> None:
    desk = Desk(IGNORED)
    assert desk.tell(stated(NEW, 1), stated(UPDATE, 1), stated(END, 1)) == []
    (kept,) = desk.kept.sightings
    assert (kept.stranger_id, kept.seq) == (own(1), 0)


def test_an_ignored_stranger_who_is_named_begins_with_new() -> None:
    desk = Desk(IGNORED)
    told = desk.tell(
        stated(NEW, 1),
        stated(UPDATE, 1, who=ANN),
        replace(stated(UPDATE, 1), previous_identity=ANN),
        stated(END, 1),
    )
    # Told of once, told of to the end: who heard the name must hear that it was wrong.
    assert lines(told) == ["1 new 1 Ann", f"1 update 2 {own(1)}", f"1 end 3 {own(1)}"]
    assert told[0].previous_identity is None
    assert told[1].previous_identity == ANN
    assert desk.kept.sightings[0].seq == 3


def test_one_who_is_somebody_else_only_at_the_end_has_new_and_end() -> None:
    desk = Desk(known(ignored=[own(2)]))
    desk.tell(stated(NEW, 1), stated(END, 1))
    told = desk.tell(
        stated(NEW, 2, person=2, since_s=60, at_s=61), stated(END, 2, shot=1, since_s=60, at_s=61)
    )
    assert lines(told) == [f"2 new 1 {own(1)}", f"2 end 2 {own(1)}"]


def test_merges_hold_from_the_next_event_on() -> None:
    desk = Desk(None, news(merged={own(1): "s_0"}, ignored=["s_7"]))
    desk.tell(stated(NEW, 1))
    desk.ids.learn()
    assert desk.tell(stated(END, 1))[0].stranger_id == "s_0"
    assert desk.tell(stated(NEW, 2, shot=1, since_s=60, at_s=61))[0].stranger_id == "s_0"


def test_what_an_operator_merged_is_not_recognised_as_somebody_nearer() -> None:
    desk = Desk(known(merged={own(2): "s_0"}))
    desk.tell(stated(NEW, 1), stated(END, 1))
    assert desk.tell(stated(NEW, 2, shot=1, since_s=60, at_s=61))[0].stranger_id == "s_0"


def test_only_beginnings_ends_and_changes_are_kept() -> None:
    desk = Desk()
    assert len(desk.ids.tell([stated(NEW, 1)]).sightings) == 1
    assert len(desk.ids.tell([stated(UPDATE, 1)]).sightings) == 0  # a better shot
    assert len(desk.ids.tell([stated(UPDATE, 1, who=ANN)]).sightings) == 1
    assert len(desk.ids.tell([stated(END, 1, who=ANN)]).sightings) == 1


def test_a_correction_passes_as_it_is() -> None:
    desk = Desk()
    correction = replace(stated(EventType.CORRECTION, 1), stranger_id="s_41")
    assert desk.tell(correction) == [correction]
    assert desk.kept.sightings == ()


def test_a_kept_sighting_says_what_its_last_event_said() -> None:
    desk = Desk()
    (told,) = desk.tell(stated(NEW, 1))
    (kept,) = desk.kept.sightings
    assert (kept.sighting_id, kept.camera, kept.run, kept.mode) == (
        told.sighting_id,
        "door",
        "k3f9",
        "replay",
    )
    assert (kept.seq, kept.stranger_id, kept.quality, kept.box) == (
        1,
        told.stranger_id,
        told.quality,
        told.box,
    )
    assert (kept.frame_index, kept.pts_s) == (told.frame.index, told.frame.pts_s)
    assert (kept.first_seen_at, kept.seen_at, kept.model_id) == (START, told.seen_at, told.embedder)
    assert kept.vector is told.template


def test_the_stage_tells_the_sinks_then_keeps_and_a_silent_batch_reaches_no_sink() -> None:
    desk = Desk(IGNORED)
    sink = MemorySink()
    stage = PublishingStage([sink], None, 2.0, (), desk.ids)
    stage.open()
    info = FrameInfo("door", 25, 1.0, START, 0, 1280, 720)
    for event in (stated(NEW, 1), stated(NEW, 2, person=2)):
        stage.process([outcome(info, event)])
    stage.close()
    assert [event.stranger_id for event in sink.events] == [own(2)]
    assert len(desk.kept.sightings) == 2


@pytest.mark.parametrize("yard_comes", ["first", "last"])
def test_of_a_recording_that_ends_first_each_event_is_told_once(yard_comes: str) -> None:
    """The end of whom the door saw waits for the yard, until after the door itself has ended."""
    desk, sink = Desk(), MemorySink()
    stage = PublishingStage([sink], PtsMerge(["door", "yard"]), 2.0, (), desk.ids)
    stage.open()

    def door() -> None:
        for kind, at_s in ((NEW, 1.0), (END, 1.5)):
            stage.process([outcome(frame_of("door", at_s), stated(kind, at_s=at_s))])
        stage.end(StreamEnd("door", 50))

    def yard(at_s: float) -> None:
        stage.process([outcome(frame_of("yard", at_s))])

    if yard_comes == "first":
        yard(9.0)
        door()
    else:
        yard(
            3.25
        )  # nothing of the yard comes before 1.25 s: whom the door saw is told of, not that he has gone
        door()
    stage.end(StreamEnd("yard", 300))
    stage.close()
    assert lines(sink.events) == [f"1 new 1 {own(1)}", f"1 end 2 {own(1)}"]


def frame_of(camera: str, at_s: float) -> FrameInfo:
    return FrameInfo(camera, round(25 * at_s), at_s, START, 0, 1280, 720)


def outcome(info: FrameInfo, *events: IdentityEvent) -> Outcome:
    nobody = np.zeros(0, np.int64)
    return Outcome(info, nobody, np.zeros((0, 4), np.float32), nobody.astype(np.bool_), events, ())
