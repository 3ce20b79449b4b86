"""The note of what is open: what the next monitor reads there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import OutsideError
from pipeline.events.event import EventType
from pipeline.events.open_sightings import NOTHING_NOTED, OpenNotes, OpenSightings, read_notes
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from tests.events.left_open_sightings import story

DOOR = RunOfCamera("door", "k3f9")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "open_sightings.jsonl"


@pytest.fixture
def opened(path: Path) -> OpenSightings:
    made = OpenSightings(path, {"door": "k3f9"})
    made.leave(NOTHING_NOTED)
    return made


def test_the_last_event_of_each_open_sighting_is_noted(opened: OpenSightings, path: Path) -> None:
    told = [*story(1, 2), *story(2, 3)]
    opened.publish([*told, replace(told[0], type=EventType.CORRECTION, seq=9)])
    opened.write()
    assert read_notes(path) == OpenNotes(frozenset({DOOR}), (told[1], told[4]))
    assert path.stat().st_mode & 0o777 == 0o600


def test_one_that_ended_is_noted_once_more(opened: OpenSightings, path: Path) -> None:
    """Its `end` may not be in the spool's files yet."""
    *told, end = story(1, 3, ended=True)
    opened.publish([*told, end])
    opened.write()
    assert read_notes(path).last == (told[-1],)
    opened.write()
    assert read_notes(path).last == ()


def test_two_who_write_at_once_do_not_write_into_each_other(opened: OpenSightings, path: Path) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 20):
            opened.publish(story(number, 2))
            opened.write()

    with ThreadPoolExecutor() as pool:
        for written in [pool.submit(write, first) for first in (1000, 2000)]:
            written.result()
    assert len(read_notes(path).last) == 40


def test_what_nobody_closed_is_noted_until_somebody_has(opened: OpenSightings, path: Path) -> None:
    left = OpenNotes(frozenset({RunOfCamera("hall", "abc")}), tuple(story(7, 2)[-1:]))
    opened.leave(left)
    opened.write()
    assert read_notes(path) == OpenNotes(left.runs | {DOOR}, left.last)
    opened.settle()
    opened.write()
    opened.write()
    assert read_notes(path) == OpenNotes(frozenset({DOOR}))


def test_nothing_is_written_over_what_was_not_read(path: Path) -> None:
    made = OpenSightings(path, {"door": "k3f9"})
    made.write()
    made.close()
    assert not path.exists()


def test_what_is_damaged_is_passed_over(
    opened: OpenSightings, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened.publish(story(1, 1))
    opened.write()
    path.write_text("rubbish\nmore\n" + path.read_text().splitlines()[1] + "\n")
    assert read_notes(path) == OpenNotes(frozenset(), tuple(story(1, 1)))
    assert len(caplog.records) == 2
    path.write_bytes(b"")
    assert read_notes(path) == NOTHING_NOTED


def test_a_folder_that_takes_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = OpenSightings(tmp_path / "gone" / "open_sightings.jsonl", {})
    made.leave(NOTHING_NOTED)
    with pytest.raises(OutsideError, match="cannot be written"):
        made.write()
    made.close()
    assert "cannot be written" in caplog.text
