"""The text of an event: exact, reversible, valid against the schema, strict about everything else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

import pipeline.events
from pipeline.events.encode import EventFormatError, decode, encode
from pipeline.events.event import EventType, FrameRef, IdentityEvent, Mode, TimingsMs
from pipeline.types import Watchlist
from tests.events.strategies import an_event, events

SCHEMA = json.loads(Path(pipeline.events.__path__[0], "event.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

EXACT = (
    '{"schema": 1, "event_id": "EVENT_ID", "type": "update", "mode": "live", '
    '"sighting_id": "door:k3f9:17", "seq": 2, "camera": "door", '
    '"identity": {"id": "p_3f", "name": "Ann"}, "previous_identity": null, '
    '"watchlists": [{"name": "vip", "purpose": "greet at the door"}], "stranger_id": null, '
    '"distance": 0.5800, "similarity": 0.7100, "threshold": 0.9400, "margin": 0.3100, '
    '"candidates": [{"id": "p_3f", "name": "Ann", "distance": 0.5800}, '
    '{"id": "p_77", "name": "Bob", "distance": 0.8900}], '
    '"frames_fused": 7, "quality": 0.8300, "box": [0.4100, 0.2200, 0.5000, 0.3900], '
    '"frame": {"index": 812, "pts_s": 27.0660, "width": 1280, "height": 720}, '
    '"first_seen_at": "2024-05-01T12:00:00.000Z", "seen_at": "2024-05-01T12:00:01.500Z", '
    '"published_at": "2024-05-01T12:00:01.500Z", '
    '"timings_ms": {"queue": 3.1000, "detect": 9.8000, "embed": 6.2000, "match": 0.2000, "total": 21.0000}, '
    '"models": {"detector": "centerface", "embedder": "facenet-20180408"}, '
    '"gallery_version": 42, "snapshot": "snapshots/1.jpg"}'
)


def test_an_event_is_written_exactly_as_the_design_shows_it() -> None:
    timings = TimingsMs(3.1, 9.8, 6.2, 0.2, 21.0)
    event = replace(an_event(seq=2), mode=Mode.LIVE, timings_ms=timings, snapshot="snapshots/1.jpg")
    event = replace(event, watchlists=(Watchlist("vip", "greet at the door"),))
    assert encode(event) == EXACT.replace("EVENT_ID", event.event_id)


def test_the_schema_is_a_schema_and_names_every_key_in_order() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert list(json.loads(encode(an_event()))) == SCHEMA["required"] == list(SCHEMA["properties"])


@given(events())
def test_every_event_is_valid_one_safe_line_and_comes_back(event: IdentityEvent) -> None:
    line = encode(event)
    VALIDATOR.validate(json.loads(line))
    assert line.splitlines() == [line]
    again = decode(line)
    assert encode(again) == line
    assert decode(line.encode()) == again
    assert again.event_id == event.event_id
    assert again.identity == event.identity
    assert again.frame.pts_s == pytest.approx(event.frame.pts_s, abs=0.5e-4)
    assert timedelta(0) <= event.seen_at - again.seen_at < timedelta(milliseconds=1)


@given(events())
def test_every_float_has_four_decimals_and_no_exponent(event: IdentityEvent) -> None:
    nobody = replace(
        event, identity=None, previous_identity=None, watchlists=(), stranger_id="s", candidates=()
    )
    line = encode(nobody)
    numbers = re.findall(
        r'(?<=[\[ ])-?[0-9][^,}\]"]*', line.split('"stranger_id"')[1].split('"first_seen_at"')[0]
    )
    assert numbers
    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]{4})?", number) for number in numbers)
    assert "-0.0000" not in numbers


def test_a_tiny_negative_number_is_written_as_zero() -> None:
    line = encode(replace(an_event(), distance=-1e-9, box=(-1e-9, 0.0, 1.00001, 1.0)))
    assert '"distance": 0.0000, "similarity": 1.0000' in line
    assert '"box": [0.0000, 0.0000, 1.0000, 1.0000]' in line


def test_times_of_any_zone_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    line = encode(replace(an_event(), seen_at=datetime(2024, 5, 1, 3, 0, 0, 123_999, tzinfo=tokyo)))
    assert '"seen_at": "2024-04-30T18:00:00.123Z"' in line


def test_names_stay_readable_and_line_separators_are_escaped() -> None:
    event = an_event()
    assert event.identity is not None
    line = encode(replace(event, identity=replace(event.identity, name="Zoë 子\u2028\x85\n\x1b")))
    assert r'"Zoë 子\u2028\u0085\n\u001b"' in line


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda e: replace(e, identity=None), "exactly one of identity and stranger_id"),
        (
            lambda e: replace(e, identity=None, stranger_id="s_1", watchlists=(Watchlist("vip", ""),)),
            "watchlists must be empty",
        ),
        (lambda e: replace(e, watchlists=(Watchlist("", ""),)), "watchlists.0.name|at least 1 character"),
        (lambda e: replace(e, stranger_id="s_1"), "exactly one of identity and stranger_id"),
        (lambda e: replace(e, distance=math.nan), "distance"),
        (lambda e: replace(e, distance=4.1), "distance"),
        (lambda e: replace(e, quality=math.inf), "quality"),
        (lambda e: replace(e, box=(0.0, 0.0, 1.1, 1.0)), "box.2"),
        (lambda e: replace(e, seq=0), "seq"),
        (lambda e: replace(e, type=EventType.END), "must be of type new"),
        (lambda e: replace(e, timings_ms=TimingsMs(0, 0, 0, 0, 0)), "timings_ms must be null in a replay"),
        (lambda e: replace(e, camera=""), "camera"),
        (lambda e: replace(e, sighting_id="door-17"), "sighting_id"),
        (lambda e: replace(e, frame=FrameRef(0, 0.0, 0, 720)), "width"),
        (lambda e: replace(e, seen_at=datetime(2024, 5, 1)), "zone"),  # noqa: DTZ001
    ],
)
def test_what_breaks_the_contract_is_not_published(
    change: Callable[[IdentityEvent], IdentityEvent], says: str
) -> None:
    with pytest.raises(EventFormatError, match=says) as error:
        encode(change(an_event()))
    assert "\n" not in str(error.value)


Change = tuple[tuple[str, ...], object]
CHANGES: list[Change] = [
    (("schema",), 2),
    (("event_id",), "0" * 24),
    (("event_id",), "xyz"),
    (("type",), "seen"),
    (("mode",), None),
    (("seq",), "1"),
    (("seq",), True),
    (("seq",), 2),
    (("camera",), 7),
    (("identity",), None),
    (("identity",), {"id": "p_3f"}),
    (("identity", "age"), 40),
    (("stranger_id",), "s_1"),
    (("distance",), "0.58"),
    (("distance",), None),
    (("similarity",), 1.5),
    (("threshold",), -0.1),
    (("candidates",), {}),
    (("box",), [0.1, 0.2, 0.3]),
    (("frame", "pts_s"), -1.0),
    (("frame", "index"), 1.5),
    (("seen_at",), "2024-05-01 12:00:00"),
    (("seen_at",), 1714564800),
    (("timings_ms",), {"queue": 1.0, "detect": 1.0, "embed": 1.0, "match": 1.0, "total": 4.0}),
    (("models",), None),
    (("gallery_version",), -1),
    (("extra",), 1),
]


def changed(path: tuple[str, ...], value: object) -> dict[str, object]:
    """A valid document with one value replaced or added."""
    document = json.loads(encode(an_event()))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document  # type: ignore[no-any-return]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_decoder_and_schema_refuse_the_same(path: tuple[str, ...], value: object) -> None:
    document = changed(path, value)
    with pytest.raises(EventFormatError) as error:
        decode(json.dumps(document))
    assert "\n" not in str(error.value)
    # that an event_id is the hash of two other values is beyond JSON Schema
    assert VALIDATOR.is_valid(document) == ((path, value) == (("event_id",), "0" * 24))


@pytest.mark.parametrize("key", [key for key in SCHEMA["required"] if key != "watchlists"])
def test_a_missing_key_is_refused(key: str) -> None:
    document = json.loads(encode(an_event()))
    del document[key]
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(EventFormatError, match=key):
        decode(json.dumps(document))


def test_an_event_from_before_watchlists_is_read() -> None:
    document = json.loads(encode(an_event()))
    del document["watchlists"]
    assert decode(json.dumps(document)) == an_event()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "17",
        b"\xff",
        '{"schema": 1}',
        "[" * 100_000,
        EXACT.replace("0.5800", "NaN", 1),
        EXACT.replace('"seq": 2', '"seq": 2, "seq": 2'),
    ],
)
def test_what_is_no_event_is_refused_in_one_line(text: str | bytes) -> None:
    with pytest.raises(EventFormatError, match=r"^not an event: ") as error:
        decode(text)
    assert "\n" not in str(error.value)


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(EventFormatError):
        decode(encode(an_event()).replace("2024-05-01", "2024-02-31"))
