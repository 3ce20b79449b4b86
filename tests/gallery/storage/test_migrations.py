"""A gallery of an older schema is brought to this one when it is opened: whole, once, or not at all."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import inspect, text

from pipeline.errors import GalleryError
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.records import Change, ChangeKind, NewPerson, Person
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import SCHEMA_VERSION, metadata
from tests.gallery.made_sightings import sighting
from tests.gallery.people import template
from tests.gallery.schema_1 import ANN, CREATED, GONE, begin_schema_1
from tests.gallery.schema_2 import back_to_schema_2
from tests.gallery.schema_3 import back_to_schema_3

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = 3

DYING = """
import os, signal, sys
from pathlib import Path
from pipeline.gallery.storage import migrations
from pipeline.gallery.storage.store import Store

migrations._give_id = lambda connection: os.kill(os.getpid(), signal.SIGKILL)
Store(Path(sys.argv[1]), sys.argv[2] or None).open()
"""
"""dies in the last step, with tables, an index and a counter made"""


@pytest.fixture
def old(tmp_path: Path, database_url: str | None) -> None:
    """The test's gallery is of schema 1."""
    begin_schema_1(tmp_path, database_url)


def shape(store: Store) -> dict[str, tuple[set[str], set[str]]]:
    """Columns and indexes of each table."""
    with store.database.reading() as connection:
        seen = inspect(connection)
        return {
            name: (
                {f"{column['name']} {column['nullable']}" for column in seen.get_columns(name)},
                {str(index["name"]) for index in seen.get_indexes(name)},
            )
            for name in seen.get_table_names()
        }


def check_migrated(store: Store) -> None:
    """Everything that the older gallery had is there, and everything of this one works."""
    ann = Person(ANN, "Ann", CREATED, "signed")
    assert store.find("Ann") == ann
    kept = store.templates_of(ANN)
    assert [one.label for one in kept] == [1, 2]
    assert [one.vector.tobytes() for one in kept] == [template(1, s).vector.tobytes() for s in (0, 1)]
    crop = store.crop(1)
    assert crop is not None
    assert crop.png == b"png"
    assert store.changes_since(0) == (
        Change(1, ChangeKind.TEMPLATE_ADDED, ANN, 1),
        Change(2, ChangeKind.TEMPLATE_ADDED, ANN, 2),
        Change(3, ChangeKind.PERSON_FORGOTTEN, GONE, None),
    )
    assert store.problems() == ()
    with store.database.reading() as connection:
        (gallery_id,) = connection.execute(text("SELECT id FROM gallery")).scalars()
        assert len(gallery_id) == 32
        assert connection.execute(text("SELECT version FROM schema_version")).scalars().all() == [
            SCHEMA_VERSION
        ]
        assert sorted(connection.execute(text("SELECT id, seq FROM change_counter"))) == [(1, 3), (2, 0)]


@pytest.mark.usefixtures("old")
def test_an_older_gallery_keeps_everything_and_the_log_says_what_was_done(
    make_store: Callable[[], Store], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), make_store() as store:
        check_migrated(store)
    assert f"from schema 1 to {SCHEMA_VERSION}" in caplog.text
    with make_store() as store:
        check_migrated(store)
        bob = store.enroll_many([NewPerson("Bob", (template(2),))])[0]
        assert bob.labels == (3,)
        assert store.merge(ANN, bob.person.id).moved == 2


@pytest.mark.usefixtures("old")
def test_it_is_then_like_one_that_was_begun_with_this_schema(
    make_store: Callable[[], Store], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with make_store() as store:
        migrated = shape(store)
        on_sqlite = store.database.name.endswith("gallery.db")
    url = None
    if not on_sqlite:
        server = request.getfixturevalue("postgres_server")
        url = server.create_database()
    (tmp_path / "new").mkdir()
    with Store(tmp_path / "new", url) as store:
        assert shape(store) == migrated
        assert set(migrated) == set(metadata.tables)
    if url is not None:
        server.drop_database(url)


@pytest.mark.usefixtures("old")
def test_programs_that_open_it_at_once_migrate_it_once(make_store: Callable[[], Store]) -> None:
    start = Barrier(PROGRAMS)

    def enroll(number: int) -> None:
        store = make_store()
        start.wait(20)
        with store:
            store.enroll(f"Own {number}", [template(number + 2)])

    with ThreadPoolExecutor(PROGRAMS) as pool:
        list(pool.map(enroll, range(PROGRAMS)))
    with make_store() as store:
        assert [one.person.name for one in store.people()] == ["Ann", "Own 0", "Own 1", "Own 2"]
        assert store.version() == 3 + PROGRAMS
        assert store.problems() == ()


@pytest.mark.usefixtures("old")
def test_a_program_killed_on_the_way_leaves_the_older_gallery_whole(
    make_store: Callable[[], Store], tmp_path: Path, database_url: str | None
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), database_url or ""], cwd=ROOT, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    store = make_store()
    store.database._engine = store.database._create_engine()
    with store.database.reading() as connection:
        assert connection.execute(text("SELECT version FROM schema_version")).scalar_one() == 1
        assert len(inspect(connection).get_table_names()) == 6
        assert len(connection.execute(text("SELECT label FROM templates")).all()) == 2
    store.close()
    with make_store() as store:
        check_migrated(store)


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize(("version", "said"), [(0, "schema 0"), (-3, "schema -3")])
def test_a_version_that_no_step_leads_away_from(
    make_store: Callable[[], Store], tmp_path: Path, version: int, said: str
) -> None:
    set_version(make_store, version)
    with pytest.raises(GalleryError, match=said) as error:
        make_store().open()
    assert "\n" not in str(error.value)
    set_version(make_store, 1)
    with make_store() as store:
        check_migrated(store)


def set_version(make_store: Callable[[], Store], version: int) -> None:
    store = make_store()
    store.database._engine = store.database._create_engine()
    with store.database.writing() as connection:
        connection.execute(text(f"UPDATE schema_version SET version = {version}"))
    store.close()


def test_sightings_of_schema_2_stay_and_new_ones_are_explained(make_store: Callable[[], Store]) -> None:
    with make_store() as store:
        begun = shape(store)
        Sightings(store.database).write([sighting(1)])
        back_to_schema_2(store)
    with make_store() as store:
        assert shape(store) == begun
        kept = Sightings(store.database)
        (old,) = kept.at([1]).values()
        assert old == replace(sighting(1), vector=None)
        assert (old.explanation, old.nearest) == (None, ())
        kept.write([replace(sighting(2), explanation="why", nearest=())])
        assert [one.explanation for one in kept.at([1, 2]).values()] == [None, "why"]
        assert store.problems() == ()


def test_a_gallery_of_schema_3_was_never_switched(make_store: Callable[[], Store]) -> None:
    with make_store() as store:
        begun = shape(store)
        ann = store.enroll("Ann", [template(1)]).person
        back_to_schema_3(store)
    with make_store() as store:
        assert shape(store) == begun
        assert store.serving() is None
        assert store.find("Ann") == ann
        assert store.serve("other", "other-1").number == 1
        assert store.problems() == ()
