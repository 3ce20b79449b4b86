"""Watchlists that name nobody are told once, by who asked for them."""

from __future__ import annotations

import pytest

from pipeline.gallery.memory.answer import Answer
from pipeline.gallery.memory.list_troubles import ListTroubles
from pipeline.types import GalleryState

BOTH = frozenset({"staff", "vip"})


def answer(unknown: tuple[str, ...] = (), empty: tuple[str, ...] = ()) -> Answer:
    return Answer(GalleryState(1, 0.9), (), unknown, empty)


def test_a_line_when_it_begins_and_when_it_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    troubles = ListTroubles()

    def lines(said: Answer, who: str = "camera door") -> list[str]:
        caplog.clear()
        troubles.tell(who, BOTH, said)
        said_of = [record.getMessage() for record in caplog.records]
        return [f"{line.partition(':')[0]}, {line.split(chr(39))[1]}" for line in said_of]

    assert lines(answer()) == []
    assert lines(answer(unknown=("vip",))) == ["camera door, vip"]
    assert lines(answer(unknown=("vip",))) == []
    assert lines(answer(unknown=("vip",)), "camera yard") == ["camera yard, vip"]
    assert lines(answer(unknown=("vip",), empty=("staff",))) == ["camera door, staff"]
    assert lines(answer()) == []
    assert lines(answer(empty=("staff",))) == ["camera door, staff"]
    troubles.forget("camera door")
    assert lines(answer(empty=("staff",))) == ["camera door, staff"]


def test_only_the_lists_that_were_asked_for_are_told(caplog: pytest.LogCaptureFixture) -> None:
    ListTroubles().tell("camera door", frozenset({"staff"}), answer(unknown=("vip",), empty=("guests",)))
    assert caplog.records == []
