"""Sightings on their way into the database: written beside the run, bounded, and through a database that is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import pytest

from pipeline.errors import StoreError
from pipeline.events.event import EventType
from pipeline.events.strangers.sighting_log import CollectedSightings, WrittenSightings, kept
from pipeline.gallery.sightings.sighting_records import Sighting
from tests.events.stated import stated


def seen(number: int, seq: int = 1) -> Sighting:
    return kept(stated(EventType.NEW, number), f"s_{number}", seq, stands=True)


class MemoryDatabase:
    """Keeps what is written; refuses while it is `away`."""

    def __init__(self) -> None:
        self.kept: dict[str, Sighting] = {}
        self.away = False
        self.sizes: list[int] = []
        self.refused = threading.Event()
        self.changed = threading.Condition()

    def write(self, new: Sequence[Sighting]) -> None:
        with self.changed:
            if self.away:
                self.refused.set()
                raise StoreError("gallery.db: another program is writing to it; try again when that is done")
            self.kept |= {one.sighting_id: one for one in new}
            self.sizes.append(len(new))
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.kept) >= count, 10.0)


def test_what_is_collected_is_each_sightings_latest_in_order() -> None:
    log = CollectedSightings()
    log.open()
    log.keep([seen(1), seen(2)])
    log.keep([seen(1, 2)])
    log.close()
    assert [(one.stranger_id, one.seq) for one in log.sightings] == [("s_1", 2), ("s_2", 1)]


def test_sightings_are_written_while_the_run_goes_on() -> None:
    database = MemoryDatabase()
    log = WrittenSightings(database)
    log.open()
    log.keep([])
    log.keep([seen(1)])
    database.wait_for(1)
    log.keep([seen(1, 2), seen(2)])
    log.close()
    log.close()
    assert sorted((one.stranger_id, one.seq) for one in database.kept.values()) == [("s_1", 2), ("s_2", 1)]
    assert log.dropped == 0


def test_many_are_written_in_several_transactions() -> None:
    database = MemoryDatabase()
    log = WrittenSightings(database)
    log.keep([seen(number) for number in range(600)])
    log.open()
    log.close()
    assert len(database.kept) == 600
    assert max(database.sizes) <= 256


def test_a_database_that_is_away_holds_up_nothing_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = MemoryDatabase()
    database.away = True
    log = WrittenSightings(database, retry_s=0.001)
    log.open()
    log.keep([seen(1)])
    for _ in range(3):
        database.refused.clear()
        assert database.refused.wait(10.0)
    log.keep([seen(1, 2)])  # the later one counts
    database.away = False
    database.wait_for(1)
    log.close()
    assert database.kept[seen(1).sighting_id].seq == 2
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "sightings wait until they can be kept",
        "sightings are kept again",
    ]


def test_what_comes_while_an_attempt_fails_is_later(caplog: pytest.LogCaptureFixture) -> None:
    class FailsOnce(MemoryDatabase):
        def write(self, new: Sequence[Sighting]) -> None:
            if not self.refused.is_set():
                self.refused.set()
                log.keep([seen(1, 2)])
                raise StoreError("gallery.db: the disk is full")
            super().write(new)

    database = FailsOnce()
    log = WrittenSightings(database, retry_s=0.001)
    log.open()
    log.keep([seen(1)])
    database.wait_for(1)
    log.close()
    assert database.kept[seen(1).sighting_id].seq == 2


def test_more_than_may_wait_are_dropped_the_oldest_first_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = MemoryDatabase()
    database.away = True
    log = WrittenSightings(database, max_waiting=2, retry_s=60.0)
    log.open()
    log.keep([seen(1)])
    assert database.refused.wait(10.0)
    log.keep([seen(2), seen(3), seen(4)])
    database.away = False
    log.close()
    assert log.dropped == 2
    assert set(database.kept) <= {seen(number).sighting_id for number in (3, 4)}
    assert "2 sightings were seen and published, but could not be kept" in caplog.text


def test_a_database_that_stays_away_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    database = MemoryDatabase()
    database.away = True
    log = WrittenSightings(database, retry_s=60.0)
    log.open()
    log.keep([seen(1), seen(2)])
    log.close()
    assert database.kept == {}
    assert "2 sightings were seen and published, but could not be kept" in caplog.text


def test_one_that_can_never_be_kept_holds_up_none_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Particular(MemoryDatabase):
        def write(self, new: Sequence[Sighting]) -> None:
            if any(one.stranger_id == "s_1" for one in new):
                raise StoreError("damaged")
            super().write(new)

    database = Particular()
    log = WrittenSightings(database, retry_s=0.001)
    log.open()
    log.keep([seen(number) for number in range(5)])
    database.wait_for(4)
    log.close()
    assert log.dropped == 1
    assert [record.message for record in caplog.records if "wait" in record.message] == [
        "sightings wait until they can be kept: damaged"
    ]
