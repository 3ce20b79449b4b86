"""Corrections as subscribers get them: valid, in order, without holes, and never lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

import pipeline.events
from pipeline.errors import BrokerError
from pipeline.events.corrections import publish_due
from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.delivery.stream import LastIdReader, Since
from pipeline.events.delivery.subscribe import Subscription
from pipeline.events.event import EventCandidate, EventType, Identity, IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import template

A, B = "s_000000000001", "s_000000000002"
FILM = RunOfCamera("yard", "film")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SCHEMA = json.loads(Path(pipeline.events.__path__[0], "event.schema.json").read_text("utf-8"))


class FailingSink(MemorySink):
    """A Redis that goes away after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Keep these, or fail."""
        if not self.left:
            raise BrokerError("Redis is away")
        self.left -= 1
        super().publish(events)


class DyingSink(MemorySink):
    """Publishes, and never comes back to say so."""

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Keep these and die."""
        super().publish(events)
        raise KeyboardInterrupt


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture
def kept(store: Store) -> Sightings:
    """A was seen live and in a recording, B live."""
    found = Sightings(store.database)
    found.write([sighting(1), sighting(2, face_of=2)])
    found.replace_run([FILM], [sighting(1, run=FILM)])
    return found


@pytest.fixture
def strangers(store: Store, kept: Sightings) -> Strangers:
    return Strangers(store.database)


def told(kept: Sightings) -> list[IdentityEvent]:
    """What is published of what waits; each valid against the schema."""
    sink = MemorySink()
    assert publish_due(kept, sink, NOW) == len(sink.events)
    validator = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    for line in sink.lines:
        validator.validate(json.loads(line))
    return sink.events


def test_a_named_stranger(kept: Sightings, strangers: Strangers) -> None:
    person = strangers.name(A, "Ann", RULES).person
    ann = Identity(person.id, "Ann")
    live, replayed = told(kept)
    assert (live.type, live.mode, live.sighting_id, live.seq) == (
        EventType.CORRECTION,
        Mode.LIVE,
        "door:k3f9:1",
        3,
    )
    assert (live.identity, live.previous_identity, live.stranger_id) == (ann, None, None)
    assert live.distance is not None
    assert live.candidates == (EventCandidate(person.id, "Ann", live.distance),)
    origin = sighting(1)
    assert (live.box, live.first_seen_at, live.seen_at) == (
        origin.box,
        origin.first_seen_at,
        origin.seen_at,
    )
    assert (live.frame.index, live.gallery_version, live.published_at) == (25, 1, NOW)
    assert (replayed.mode, replayed.published_at) == (Mode.REPLAY, origin.seen_at)
    assert told(kept) == []


def test_merged_strangers_and_merged_people(store: Store, kept: Sightings, strangers: Strangers) -> None:
    strangers.merge(B, A)
    (moved,) = told(kept)
    assert (moved.identity, moved.stranger_id, moved.previous_identity, moved.candidates) == (
        None,
        A,
        None,
        (),
    )
    anna = strangers.name(A, "Anna", RULES).person
    assert [(event.seq, event.previous_identity) for event in told(kept)] == [(3, None), (4, None), (3, None)]
    ann = store.enroll("Ann", [template(1)]).person
    store.merge(anna.id, ann.id)
    corrected = told(kept)
    assert [event.seq for event in corrected] == [4, 5, 4]
    assert {event.identity for event in corrected} == {Identity(ann.id, "Ann")}
    assert {event.previous_identity for event in corrected} == {Identity(anna.id, "Anna")}


def test_ignored_strangers_send_none(kept: Sightings, strangers: Strangers) -> None:
    strangers.ignore(A)
    strangers.merge(B, A)
    assert told(kept) == []
    strangers.unignore(A)
    assert [event.stranger_id for event in told(kept)] == [A]


def test_what_was_corrected_twice_before_it_could_be_told_leaves_no_hole(
    kept: Sightings, strangers: Strangers
) -> None:
    strangers.merge(B, A)
    person = strangers.name(A, "Ann", RULES).person
    events = [event for event in told(kept) if event.sighting_id == "door:k3f9:2"]
    assert [event.seq for event in events] == [3, 4]
    assert {event.identity and event.identity.id for event in events} == {person.id}


def test_nothing_is_lost_while_redis_is_away(
    kept: Sightings, strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.events.corrections.AT_ONCE", 1)
    strangers.name(A, "Ann", RULES)
    failing = FailingSink(batches=1)
    with pytest.raises(BrokerError, match="away"):
        publish_due(kept, failing, NOW)
    assert [event.sighting_id for event in failing.events] == ["door:k3f9:1"]
    assert [event.sighting_id for event in told(kept)] == ["yard:film:1"]


def test_after_a_crash_before_the_mark_the_same_comes_again(kept: Sightings, strangers: Strangers) -> None:
    strangers.name(A, "Ann", RULES)
    dying = DyingSink()
    with pytest.raises(KeyboardInterrupt):
        publish_due(kept, dying, NOW)
    again = told(kept)
    assert [event.event_id for event in again] == [event.event_id for event in dying.events]
    assert again == dying.events


def test_a_sink_is_not_asked_for_nothing(kept: Sightings) -> None:
    assert publish_due(kept, FailingSink(0), NOW) == 0


@pytest.mark.redis
def test_subscribers_get_them_on_the_stream_of_their_mode(
    kept: Sightings, strangers: Strangers, broker: EmbeddedRedis
) -> None:
    address = broker.open()
    strangers.name(A, "Ann", RULES)
    sink = RedisSink(RemoteRedis(address, "here"), "facestream:events", "facestream:replay", 100)
    assert publish_due(kept, sink, NOW) == 2
    for stream, sighting_id in (("facestream:events", "door:k3f9:1"), ("facestream:replay", "yard:film:1")):
        reader = LastIdReader(stream, Since(after_id="0-0"))
        subscription = Subscription(RemoteRedis(address, "here"), reader, pytest.fail)
        event = next(iter(subscription))
        subscription.stop()
        assert (event.type, event.sighting_id, event.seq) == (EventType.CORRECTION, sighting_id, 3)


def test_who_was_named_before_is_told_with_the_first_of_several(
    store: Store, kept: Sightings, strangers: Strangers
) -> None:
    anna = strangers.name(B, "Anna", RULES).person
    told(kept)
    ann, bea = (store.enroll(name, [template(n)]).person for n, name in ((7, "Ann"), (8, "Bea")))
    store.merge(anna.id, ann.id)
    store.merge(ann.id, bea.id)
    first, second = told(kept)
    assert (first.seq, second.seq) == (4, 5)
    assert first.previous_identity == Identity(anna.id, "Anna")
    assert second.previous_identity is None
    assert first.identity == second.identity == Identity(bea.id, "Bea")
