"""Which embedder serves: the last switch, told to everybody who follows the gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.records import Change, ChangeKind
from pipeline.gallery.storage.serving import look_what_serves, serve, switches
from pipeline.gallery.storage.store import DATABASE_FILE, Store
from tests.gallery.people import template


def test_nothing_serves_before_a_switch_and_the_last_one_after_it(store: Store) -> None:
    assert store.serving() is None
    first = store.serve("one", "one-1")
    assert (first.number, first.model, first.model_id) == (1, "one", "one-1")
    assert store.serving() == first
    second = store.serve("two", "two-1")
    assert store.serving() == second
    assert second.since >= first.since
    with store.database.reading() as connection:
        assert switches(connection) == (first, second)


def test_a_switch_is_a_numbered_change_about_nobody(store: Store) -> None:
    store.enroll("Ann", [template(1)])
    store.serve("two", "two-1")
    assert store.changes_since(1) == (Change(2, ChangeKind.MODEL_SERVED, "", None),)
    assert store.problems() == ()


def test_a_switch_that_fails_is_none(store: Store) -> None:
    def fail() -> None:
        with store.database.writing() as connection:
            serve(connection, "two", "two-1")
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    assert store.serving() is None
    assert store.version() == 0


def test_other_programs_see_it(store: Store, make_store: Callable[[], Store]) -> None:
    with make_store() as other:
        serving = store.serve("two", "two-1")
        assert other.serving() == serving


def test_it_can_be_asked_for_without_opening_the_gallery(
    tmp_path: Path, database_url: str | None, make_store: Callable[[], Store]
) -> None:
    database = Database(tmp_path / DATABASE_FILE if database_url is None else database_url)
    assert look_what_serves(database) is None
    assert database.schema() is None
    with make_store() as store:
        assert look_what_serves(database) is None
        assert store.serve("two", "two-1") == look_what_serves(database)
