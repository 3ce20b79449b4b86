"""What one event is in Redis: the fields of its entry in the stream, and the channels that get a copy."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline.events.encode import encode
from pipeline.events.event import IdentityEvent

CAMERA_CHANNEL = "facestream:camera:"
PERSON_CHANNEL = "facestream:person:"
WATCHLIST_CHANNEL = "facestream:watchlist:"


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """An event that is ready to be added; all of it UTF-8."""

    event: bytes
    """the line of docs/events.md"""
    type: bytes
    camera: bytes
    identity: bytes
    """the person's id, empty for an unknown one"""
    watchlists: bytes
    """a JSON list of names"""
    channels: tuple[bytes, ...]
    """that get a copy of the line"""

    @property
    def size(self) -> int:
        """bytes, about"""
        return 2 * len(self.event)  # one for the stream; the other fields and a copy weigh less than another


def entry_of(event: IdentityEvent) -> StreamEntry:
    """The event's entry; raises EventFormatError where it breaks the contract."""
    channels = [
        CAMERA_CHANNEL + event.camera,
        *(PERSON_CHANNEL + person_id for person_id in people_concerned(event)),
        *(WATCHLIST_CHANNEL + watchlist.name for watchlist in event.watchlists),
    ]
    return StreamEntry(
        event=encode(event).encode(),
        type=event.type.value.encode(),
        camera=event.camera.encode(),
        identity=(event.identity.id if event.identity is not None else "").encode(),
        watchlists=json.dumps([one.name for one in event.watchlists], ensure_ascii=False).encode(),
        channels=tuple(channel.encode() for channel in channels),
    )


def people_concerned(event: IdentityEvent) -> list[str]:
    """Ids of the person seen and of the one taken back: who was told of a name is told that it was wrong."""
    people = (event.identity, event.previous_identity)
    return list(dict.fromkeys(person.id for person in people if person is not None))
