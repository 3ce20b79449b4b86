"""Sightings and strangers against a plain model of both, whatever is done to them in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, update

from pipeline.errors import GalleryError
from pipeline.events.corrections import publish_due
from pipeline.events.event import EventType, Identity
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.sightings.sighting_records import (
    RunOfCamera,
    Sighting,
    StrangerChangeKind,
    StrangerFilter,
    StrangerState,
)
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import change_counter, metadata, sightings
from tests.gallery.made_sightings import LIVE, RULES, sighting
from tests.gallery.people import MODEL

FACES = range(1, 5)
FILMS = tuple(RunOfCamera("door", f"film{number}") for number in (1, 2))
FORCED = replace(RULES, force=True)
STILL = {StrangerState.OPEN, StrangerState.IGNORED}


def id_of(face_of: int) -> str:
    return f"s_{face_of:012x}"


@dataclass
class Model:
    """What the database should say."""

    ends: dict[str, str] = field(default_factory=dict)
    """stranger -> whom it goes on as"""
    state: dict[str, StrangerState] = field(default_factory=dict)
    """of those who were not merged"""
    name: dict[str, str] = field(default_factory=dict)
    """of named strangers"""
    seen: dict[str, str] = field(default_factory=dict)
    """sighting -> the stranger its run saw"""

    def meet(self, stranger: str) -> None:
        """See a stranger, perhaps for the first time."""
        if stranger not in self.ends:
            self.ends[stranger] = stranger
            self.state[stranger] = StrangerState.OPEN

    def vanish(self, touched: set[str]) -> None:
        """Forget those of these of whom nothing is left and nothing was said."""
        used = {self.ends[each] for each in self.seen.values()}
        led_to = {end for each, end in self.ends.items() if each != end}
        for each in touched - used - led_to:
            if self.state.get(each) is StrangerState.OPEN:
                del self.ends[each], self.state[each]

    def whose(self, sighting_id: str) -> str:
        """The name of the person, or the id of the stranger."""
        end = self.ends[self.seen[sighting_id]]
        return self.name.get(end, end)


class StrangersMachine(RuleBasedStateMachine):
    """What operators and runs do."""

    gallery: Store

    def __init__(self) -> None:
        super().__init__()
        self.store = store = self.gallery
        clear(store)
        self.kept = Sightings(store.database)
        self.strangers = Strangers(store.database)
        self.sink = MemorySink()
        self.model = Model()
        self.told: dict[str, int] = {}
        """sighting -> seq of its last event"""
        self.number = 0
        self.replica: dict[int, str] = {}
        self.version = 0

    @rule(face_of=st.sampled_from(FACES), over=st.booleans())
    def see(self, face_of: int, over: bool) -> None:
        """A camera sees somebody, who may not have left yet."""
        self.number += 1
        seq = 2 if over else 1
        self.write(sighting(self.number, face_of=face_of, run=LIVE, seq=seq, over=over))

    @rule(face_of=st.sampled_from(FACES))
    def leave(self, face_of: int) -> None:
        """Somebody leaves: the run numbers on from what it told, whatever was said meanwhile."""
        for one in self.everything().values():
            if not one.over and self.model.seen[one.sighting_id] == id_of(face_of):
                number = int(one.sighting_id.rpartition(":")[2])
                seq = self.told[one.sighting_id] + 1
                self.write(sighting(number, face_of=face_of, run=LIVE, seq=seq))
                return

    @rule(film=st.sampled_from(FILMS), faces=st.lists(st.sampled_from(FACES), max_size=3))
    def replay(self, film: RunOfCamera, faces: list[int]) -> None:
        """A recording is played, perhaps again, and may show others than before."""
        played = [sighting(place, face_of=face, run=film) for place, face in enumerate(faces, 1)]
        before = [each for each in self.model.seen if each.startswith(f"{film.camera}:{film.run}:")]
        touched = {self.model.ends[self.model.seen.pop(one)] for one in before}
        for one in before:
            del self.told[one]
        for shown in played:
            self.note(shown)
        self.kept.replace_run([film], played)
        self.model.vanish(touched)

    @rule(gone=st.sampled_from(FACES), into=st.sampled_from(FACES))
    def merge(self, gone: int, into: int) -> None:
        """An operator says that two are one."""
        first, second = (self.model.ends.get(id_of(each), "") for each in (gone, into))
        unknown = {self.model.state.get(each) for each in (first, second)} <= STILL
        if not self.allowed(unknown and first != second, self.strangers.merge, id_of(gone), id_of(into)):
            return
        del self.model.state[first]
        self.model.ends = {each: second if end == first else end for each, end in self.model.ends.items()}

    @rule(who=st.sampled_from(FACES), name=st.sampled_from(["Ann", "Bob"]))
    def name(self, who: int, name: str) -> None:
        """An operator says who somebody is."""
        end = self.model.ends.get(id_of(who), "")
        seen = any(self.model.ends[each] == end for each in self.model.seen.values())
        there = self.store.known(name) is not None
        possible = self.model.state.get(end) in STILL and (seen or there)
        if self.allowed(possible, self.strangers.name, id_of(who), name, FORCED):
            self.model.state[end], self.model.name[end] = StrangerState.NAMED, name

    @rule(who=st.sampled_from(FACES), ignored=st.booleans())
    def ignore(self, who: int, ignored: bool) -> None:
        """An operator does not want to hear of somebody, or wants to again."""
        end = self.model.ends.get(id_of(who), "")
        act = self.strangers.ignore if ignored else self.strangers.unignore
        if self.allowed(self.model.state.get(end) in STILL, act, id_of(who)):
            self.model.state[end] = StrangerState.IGNORED if ignored else StrangerState.OPEN

    @rule()
    def publish(self) -> None:
        """Redis is there."""
        before = len(self.sink.events)
        publish_due(self.kept, self.sink, rows.now())
        there = self.everything()
        for event in self.sink.events[before:]:
            assert event.type is EventType.CORRECTION
            assert event.seq == self.told[event.sighting_id] + 1
            self.told[event.sighting_id] = event.seq
            now = there[event.sighting_id]
            assert (event.stranger_id, event.identity and event.identity.id) == (
                now.stranger_id,
                now.person_id,
            )
            assert event.identity is None or isinstance(event.identity, Identity)

    def write(self, one: Sighting) -> None:
        self.note(one)
        self.kept.write([one])

    def note(self, one: Sighting) -> None:
        assert one.stranger_id is not None
        self.model.meet(one.stranger_id)
        self.model.seen[one.sighting_id] = one.stranger_id
        self.told[one.sighting_id] = one.seq

    def allowed(self, possible: bool, act: Callable[..., object], *arguments: object) -> bool:
        """Do it where it is possible, and see it refused where it is not."""
        if possible:
            act(*arguments)
            return True
        with pytest.raises(GalleryError):
            act(*arguments)
        return False

    def everything(self) -> dict[str, Sighting]:
        with self.store.database.reading() as connection:
            labels = connection.execute(select(sightings.c.label).order_by(sightings.c.label)).scalars().all()
        return {one.sighting_id: one for one in self.kept.at(labels).values()}

    @invariant()
    def every_sighting_is_one_persons_or_one_strangers(self) -> None:
        names = {one.person.id: one.person.name for one in self.store.people()}
        found = self.everything()
        whose = {
            key: names[one.person_id] if one.person_id is not None else one.stranger_id
            for key, one in found.items()
        }
        assert whose == {key: self.model.whose(key) for key in self.model.seen}
        assert all((one.person_id is None) != (one.stranger_id is None) for one in found.values())
        assert all(one.seq >= self.told[key] for key, one in found.items())

    @invariant()
    def counts_and_states_agree(self) -> None:
        listed = self.strangers.listed(StrangerFilter(frozenset(StrangerState)))
        states = {one.stranger.id: one.stranger.state for one in listed}
        merged = {each for each, end in self.model.ends.items() if each != end}
        assert states == {**self.model.state, **dict.fromkeys(merged, StrangerState.MERGED)}
        for one in listed:
            assert one.sightings == sum(self.model.whose(key) == one.stranger.id for key in self.model.seen)
            assert self.strangers.find(one.stranger.id).id == self.model.ends[one.stranger.id]

    @invariant()
    def a_replica_that_follows_knows_the_same(self) -> None:
        changes = self.strangers.changes_since(self.version)
        assert [change.seq for change in changes] == list(
            range(self.version + 1, self.version + 1 + len(changes))
        )
        added = [
            c.label for c in changes if c.kind is StrangerChangeKind.VECTOR_ADDED and c.label is not None
        ]
        for change in changes:
            if change.kind is StrangerChangeKind.VECTOR_REMOVED and change.label is not None:
                self.replica.pop(change.label, None)
        news = self.strangers.known(MODEL, only=added)
        self.version = news.version
        self.replica |= dict(zip(news.labels.tolist(), news.stranger_ids, strict=True))
        self.replica = {label: news.merged.get(who, who) for label, who in self.replica.items()}
        full = self.strangers.known(MODEL)
        assert self.replica == dict(zip(full.labels.tolist(), full.stranger_ids, strict=True))


def clear(store: Store) -> None:
    """An empty gallery again: quicker than a new one for each of many examples."""
    with store.database.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in ("schema_version", "gallery", "change_counter"):
                connection.execute(table.delete())
        connection.execute(update(change_counter).values(seq=0))
        assert connection.execute(select(sightings)).first() is None


def test_it_agrees_with_the_model(store: Store) -> None:
    class OnThis(StrangersMachine):
        gallery = store

    run_state_machine_as_test(
        OnThis,
        settings=settings(
            max_examples=10,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
