"""`embedding.model: auto` is what the gallery was switched to; a name given is that name."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from config.load import load
from config.schema import AUTO_MODEL, Config
from engines.zoo.catalogue import AUTO, BEFORE_ANY_SWITCH, read_catalogue
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.commands.context import make_context
from pipeline.commands.output import model_progress
from pipeline.commands.serving_model import with_serving
from pipeline.errors import StoreError
from pipeline.gallery.storage.store import DATABASE_FILE, Store
from tests.gallery.schema_3 import back_to_schema_3


def model_of(data: Path, *settings: str) -> str:
    return with_serving(load(None, {}, settings), data).config.embedding.model


def test_the_default_where_there_is_no_gallery_yet(tmp_path: Path) -> None:
    assert model_of(tmp_path / "none") == BEFORE_ANY_SWITCH
    assert not (tmp_path / "none").exists()
    assert Config().embedding.model == AUTO_MODEL == AUTO


def test_what_the_gallery_was_switched_to_last(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert model_of(tmp_path) == BEFORE_ANY_SWITCH
        store.serve("one", "one-1")
        store.serve("two", "two-1")
        assert model_of(tmp_path) == "two"
    assert model_of(tmp_path, "embedding.model=mine") == "mine"


def test_a_context_has_a_real_name_and_knows_whether_it_was_given(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.serve("two", "two-1")
    made = make_context(None, tmp_path, None, False, False)
    assert (made.config.embedding.model, made.auto_model) == ("two", True)
    made = make_context(None, tmp_path, ["embedding.model=mine"], False, False)
    assert (made.config.embedding.model, made.auto_model) == ("mine", False)
    made = make_context(None, tmp_path, ["embedding.model=auto"], False, False)
    assert (made.config.embedding.model, made.auto_model) == ("two", True)


def test_an_older_gallery_is_asked_and_left_as_it_is(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        back_to_schema_3(store)
    assert model_of(tmp_path) == BEFORE_ANY_SWITCH
    with sqlite3.connect(tmp_path / DATABASE_FILE) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(3,)]
    connection.close()


@pytest.mark.parametrize("what", ["folder", "text"])
def test_a_gallery_that_cannot_be_asked_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    if what == "folder":
        (tmp_path / DATABASE_FILE).mkdir()
    else:
        (tmp_path / DATABASE_FILE).write_text("no database" * 1000)
    assert model_of(tmp_path) == BEFORE_ANY_SWITCH
    context = make_context(None, tmp_path, None, False, False)
    with caplog.at_level(logging.WARNING):
        assert caplog.messages == []  # a command that needs the gallery says so itself, in one line
        with model_progress(context):
            pass
    (line,) = caplog.messages
    assert line.startswith(
        f"embedding.model is {BEFORE_ANY_SWITCH}, as the gallery does not say what serves: "
    )
    with pytest.raises(StoreError):
        Store(tmp_path).open()


def test_configurations_that_no_command_made_mean_the_default() -> None:
    catalogue = read_catalogue(CATALOGUE_FILE)
    assert catalogue.model(Config().embedding.model) == catalogue.model(BEFORE_ANY_SWITCH)
