"""An event as one line for people."""

from __future__ import annotations

from pipeline.events.event import EventType, IdentityEvent

_BETTER_SHOT = "has a better shot of"
_VERBS = {
    EventType.NEW: "sees",
    EventType.UPDATE: "now sees",
    EventType.END: "saw",
    EventType.CORRECTION: "in truth saw",
}


def readable(event: IdentityEvent) -> str:
    """Time, camera, what happened, who, how sure, and at the end how long.

    A camera at 00:01:04 with Ann under the threshold of 0.9 reads

        1970-01-01 00:01:04.120  door  sees Ann  #17  distance 0.58 of 0.90, margin 0.31

    A control character in a name cannot steer the terminal: it is shown as its number.
    """
    who = "an unknown person" if event.identity is None else _plain(event.identity.name)
    parts = [
        f"{event.seen_at:%Y-%m-%d %H:%M:%S}.{event.seen_at.microsecond // 1000:03d}",
        event.camera,
        f"{_verb(event)} {who}",
        f"#{event.sighting_id.rpartition(':')[2]}",
    ]
    if event.previous_identity is not None:
        parts.append(f"(not {_plain(event.previous_identity.name)})")
    if event.identity is not None and event.distance is not None:
        margin = "" if event.margin is None else f", margin {event.margin:.2f}"
        parts.append(f"distance {event.distance:.2f} of {event.threshold:.2f}{margin}")
    if event.type is EventType.END:
        parts.append(f"for {(event.seen_at - event.first_seen_at).total_seconds():.1f} s")
    return "  ".join(parts)


def _verb(event: IdentityEvent) -> str:
    """An update that neither gives nor takes a name tells of a better shot; of a person it may be either."""
    unchanged = event.identity is None and event.previous_identity is None
    return _BETTER_SHOT if event.type is EventType.UPDATE and unchanged else _VERBS[event.type]


def _plain(text: str) -> str:
    """The text without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
