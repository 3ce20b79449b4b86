"""What an event is in Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.encode import EventFormatError, encode
from pipeline.events.event import Identity, IdentityEvent
from pipeline.types import Watchlist
from tests.events.strategies import ANN, an_event, events


def test_fields_and_channels() -> None:
    event = replace(
        an_event(seq=2),
        identity=Identity("p_77", "Bob"),
        previous_identity=ANN,
        watchlists=(Watchlist('v"ip', "greet"), Watchlist("Zoë", "")),
    )
    entry = entry_of(event)
    assert entry.event == encode(event).encode()
    assert (entry.type, entry.camera, entry.identity) == (b"update", b"door", b"p_77")
    assert entry.watchlists == '["v\\"ip", "Zoë"]'.encode()
    assert [channel.decode() for channel in entry.channels] == [
        "facestream:camera:door",
        "facestream:person:p_77",
        "facestream:person:p_3f",
        'facestream:watchlist:v"ip',
        "facestream:watchlist:Zoë",
    ]


def test_an_unknown_person_has_no_identity() -> None:
    assert entry_of(an_event(who=None)).identity == b""


@given(events())
def test_every_event_is_an_entry(event: IdentityEvent) -> None:
    assert entry_of(event).event.decode() == encode(event)


def test_an_event_that_breaks_the_contract_is_none() -> None:
    with pytest.raises(EventFormatError):
        entry_of(replace(an_event(), quality=1.5))
