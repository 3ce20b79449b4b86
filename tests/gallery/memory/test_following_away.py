"""A followed gallery whose database is away, or not whole: it waits, says so once, and catches up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete, insert, select, text

from pipeline.errors import StoreError
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import change_counter
from tests.gallery.memory.test_following import SHOWS_S, follow, name_of
from tests.gallery.people import face, template


@pytest.fixture
def other(make_store: Callable[[], Store], store: Store) -> Iterator[Store]:
    """The same gallery, as another program has it open."""
    with make_store() as opened:
        yield opened


def test_a_database_that_is_away_is_told_once_and_caught_up_with(
    store: Store, other: Store, caplog: pytest.LogCaptureFixture
) -> None:
    other.enroll("Ann", [template(1)])
    with caplog.at_level(logging.INFO), follow(store) as followed:
        with other.database.writing() as connection:
            connection.execute(text("ALTER TABLE gallery RENAME TO away"))
        _wait_for_line(caplog, "stays as it was")
        assert followed.problem is not None
        assert name_of(followed, face(1)) == "Ann"
        with pytest.raises(StoreError):
            followed.step()
        other_version = other.enroll("Bob", [template(2)]).version
        with other.database.writing() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO gallery"))
        assert followed.wait_for(other_version, SHOWS_S)
        _wait_for_line(caplog, "followed again")
        assert followed.problem is None
    assert caplog.text.count("stays as it was") == 1


def test_a_database_into_which_a_dump_is_being_read_is_waited_for(
    store: Store, other: Store, caplog: pytest.LogCaptureFixture
) -> None:
    version = other.enroll("Ann", [template(1)]).version
    with caplog.at_level(logging.INFO), follow(store) as followed:
        with other.database.writing() as connection:
            counted = connection.execute(select(change_counter)).all()
            connection.execute(delete(change_counter))
        _wait_for_line(caplog, "lacks its id or its counter")
        with other.database.writing() as connection:
            connection.execute(insert(change_counter), [row._asdict() for row in counted])
        _wait_for_line(caplog, "followed again")
        assert followed.state.version == version


def _wait_for_line(caplog: pytest.LogCaptureFixture, words: str) -> None:
    until = time.monotonic() + SHOWS_S
    while words not in caplog.text and time.monotonic() < until:
        time.sleep(0.01)
    assert words in caplog.text
