"""Unknown people through the whole pipeline: their ids survive runs and cameras, and a replay repeats itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from config.schema import Config
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.assemble.strangers import strangers_of_cameras, strangers_of_replay
from pipeline.capture.synthetic import Actor, SyntheticScene, SyntheticSource
from pipeline.events.event import EventType, IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.sightings.sighting_records import RunOfCamera, StrangerFilter, StrangerState
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.stranger_naming import NamingRules
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from tests.colour_people import ColourDetector, colour_recognition

TWICE_FRAMES = 113
RED, GREEN, BLUE = (220, 40, 40), (40, 220, 40), (40, 40, 220)
CONFIG = Config.model_validate(
    {"detection": {"rate_hz": 6.25, "min_face_px": 20}, "matching": {"index": "exact"}}
)
REACH = 0.85

TWICE = SyntheticScene(
    (
        Actor(RED, (0, 60, 60, 130), (20, 0), 0.0, 2.0),
        Actor(BLUE, (200, 60, 260, 130), (0, 0), 2.2, 4.0),
        Actor(RED, (100, 40, 170, 120), (0, 5), 6.0, 8.0),
    ),
    frames=TWICE_FRAMES,
    rate_hz=12.5,
)
"""Red goes, blue comes, red comes back two seconds after blue has gone"""
LATER = SyntheticScene((Actor(BLUE, (20, 20, 90, 100), (10, 0), 0.4, 3.0),), frames=50, rate_hz=12.5)
RULES = NamingRules(max_distance=0.85, min_quality=0.4, max_templates=5)


@pytest.fixture
def recognition() -> Recognition:
    return colour_recognition(ColourDetector((RED, GREEN, BLUE)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A gallery with nobody in it."""
    with Store(tmp_path) as store:
        yield store


def replay(
    recognition: Recognition,
    store: Store,
    scenes: Mapping[str, SyntheticScene],
    *,
    keep: bool = True,
    breaks_after: int | None = None,
) -> MemorySink:
    """Play these scenes at once, each a camera, up to so many frames, and keep what was seen."""
    sink = MemorySink()
    sources = [SyntheticSource(scene, camera, breaks_after=breaks_after) for camera, scene in scenes.items()]
    runs = {source.camera: source.open().recording_id for source in sources}
    gallery = PinnedGallery(Replica.load(store, "painted", ExactIndex(64)), REACH)
    replayed = [RunOfCamera(camera, run) for camera, run in runs.items()]
    strangers = strangers_of_replay(CONFIG, store, recognition, lambda _: REACH, replayed)
    plan = RunPlan(Mode.REPLAY, runs, True, [sink], strangers=strangers.ids)
    with build_run(CONFIG, recognition, gallery, plan).supervisor as supervisor:
        supervisor.start(sources)
        assert supervisor.wait().complete
    if keep:
        strangers.put_in_place(store)
    return sink


class LastEndSink(MemorySink):
    """Says when the last sighting of TWICE is over."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        super().publish(events)
        if sum(event.type is EventType.END for event in self.events) == len(TWICE.actors):
            self.over.set()


def ids(sink: MemorySink) -> list[str | None]:
    """Of each event, the person's name or the stranger's id."""
    return [event.identity.name if event.identity else event.stranger_id for event in sink.events]


def test_a_stranger_who_comes_back_has_the_same_id(recognition: Recognition, store: Store) -> None:
    found = ids(replay(recognition, store, {"door": TWICE}))
    red, blue = found[0], found[2]
    assert red != blue
    assert found == [red, red, blue, blue, red, red]  # of each sighting `new` and `end`
    listed = Strangers(store.database).listed(StrangerFilter())
    assert {(one.stranger.id, one.sightings) for one in listed} == {(red, 2), (blue, 1)}


def test_a_stranger_is_known_to_other_cameras_of_the_run_and_of_later_ones(
    recognition: Recognition, store: Store
) -> None:
    together = replay(recognition, store, {"door": TWICE, "yard": LATER})
    blue = {event.stranger_id for event in together.events if event.camera == "yard"}
    assert len(blue) == 1
    assert blue < {event.stranger_id for event in together.events if event.camera == "door"}
    assert set(ids(replay(recognition, store, {"gate": LATER}))) == blue


@pytest.mark.parametrize("decision", ["nothing", "merge", "ignore", "name"])
def test_a_replay_repeats_itself_whatever_was_said_of_its_strangers(
    recognition: Recognition, store: Store, decision: str
) -> None:
    scenes = {"door": TWICE, "yard": LATER}
    first = replay(recognition, store, scenes)
    strangers = Strangers(store.database)
    red, blue = dict.fromkeys(str(each) for each in ids(first))
    if decision == "merge":
        strangers.merge(blue, red)
    elif decision == "ignore":
        strangers.ignore(red)
    elif decision == "name":
        strangers.name(red, "Ann", RULES)
    second = replay(recognition, store, scenes)
    assert second.lines == replay(recognition, store, scenes).lines
    expected = {"nothing": {red, blue}, "merge": {red}, "ignore": {blue}, "name": {"Ann", blue}}
    assert set(ids(second)) == expected[decision]
    assert len(Sightings(store.database).of_stranger(red, 10)) == {"merge": 4, "name": 0}.get(decision, 2)


def test_of_an_ignored_stranger_nothing_is_told_but_all_is_kept(
    recognition: Recognition, store: Store
) -> None:
    red = str(ids(replay(recognition, store, {"door": TWICE}))[0])
    Strangers(store.database).ignore(red)
    assert red not in ids(replay(recognition, store, {"gate": TWICE}))
    (ignored,) = Strangers(store.database).listed(StrangerFilter(states=frozenset({StrangerState.IGNORED})))
    assert (ignored.stranger.id, ignored.sightings) == (red, 4)


def test_a_replay_that_is_not_kept_leaves_no_trace(recognition: Recognition, store: Store) -> None:
    first = replay(recognition, store, {"door": TWICE}, keep=False)
    assert Strangers(store.database).version() == 0
    assert Strangers(store.database).listed() == ()
    assert replay(recognition, store, {"door": TWICE}, keep=False).lines == first.lines


def test_a_replay_that_breaks_off_is_kept_up_to_there(recognition: Recognition, store: Store) -> None:
    red, _, blue, *_ = ids(replay(recognition, store, {"door": TWICE}))
    replay(recognition, store, {"door": TWICE}, breaks_after=60)  # before red comes back
    listed = Strangers(store.database).listed()
    assert {(one.stranger.id, one.sightings) for one in listed} == {(red, 1), (blue, 1)}


def test_a_run_of_cameras_writes_as_it_goes_and_learns_from_others(
    recognition: Recognition, tmp_path: Path
) -> None:
    with Store(tmp_path) as store:
        red = ids(replay(recognition, store, {"door": TWICE}))[0]
        sink, source = LastEndSink(), SyntheticSource(TWICE, "live", realtime=True)
        gallery = PinnedGallery(Replica.load(store, "painted", ExactIndex(64)), REACH)
        strangers = strangers_of_cameras(CONFIG, store, recognition, lambda _: REACH)
        plan = RunPlan(Mode.LIVE, {"live": "k3f9"}, False, [sink], strangers=strangers)
        run = build_run(CONFIG, recognition, gallery, plan)
        with run.supervisor as supervisor:
            supervisor.start([source])
            assert sink.over.wait(30.0)
            supervisor.drain()
            supervisor.wait()
        assert ids(sink)[0] == red
        kept = Sightings(store.database).of_stranger(str(red), 10)
        assert [one.mode for one in kept].count("live") == 2
