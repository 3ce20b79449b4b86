"""What a run does before it begins."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.commands.chores import do_chores
from pipeline.commands.context import Context, make_context
from pipeline.gallery.storage.store import Store
from tests.commands.painted_photos import enroll_people


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return make_context(None, tmp_path, None, False, False)


def test_people_past_their_date_are_erased_and_told(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Store(context.data) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob", 2)])
        caplog.clear()
        do_chores(context, store)
        assert caplog.messages == []
        store.set_person(store.find("Ann Lee").id, retain_until=datetime(2020, 1, 1, tzinfo=UTC))
        do_chores(context, store)
        assert [one.person.name for one in store.people()] == ["Bob"]
    assert "past their time, erased: people: 1" in caplog.messages


def test_a_backup_that_is_not_there_is_named_and_stops_nothing(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    from run_pipeline import main

    with Store(context.data) as store:
        enroll_people(store, [("Ann Lee", 1)])
        store.set_person(store.find("Ann Lee").id, retain_until=datetime(2020, 1, 1, tzinfo=UTC))
    file = context.data / "b.backup"
    assert main(["backup", str(file), "--data", str(context.data)]) == 0
    file.unlink()
    with Store(context.data) as store:
        do_chores(context, store)
        assert store.people() == ()
    assert any(f"left: {file}" in line for line in caplog.messages)
