"""A PostgreSQL server that is away, crowded, foreign, locked or read-only gets one line that says how to repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, text

import pipeline.gallery.storage.database as database
from pipeline.errors import FacestreamError, StoreError
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import people
from tests.gallery.people import MODEL, template
from tests.postgres import LOCKED, PostgresServer

pytestmark = pytest.mark.postgresql


@pytest.fixture
def store(tmp_path: Path, postgres_url: str) -> Iterator[Store]:
    with Store(tmp_path, postgres_url) as opened:
        yield opened


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(FacestreamError) as error:
        act()
    said = str(error.value)
    assert "\n" not in said
    assert "secret" not in said
    assert said.startswith(("the gallery database: ", "gallery.url: "))
    return said


def opening(url: str) -> str:
    return refusal(Store(Path("unused"), url).open)


def terminate(server: PostgresServer, url: str) -> None:
    """End all connections to this database, as a server does that is started anew."""
    name = url.partition("@/")[2].partition("?")[0]
    server.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:secret@127.0.0.1:1/db", "Connection refused"),
        ("postgresql://u:secret@host.invalid/db", "start the server or correct gallery.url"),
        ("postgresql:///db?host=/nowhere", "start the server or correct gallery.url"),
        ("postgresql://u:p@secret@127.0.0.1/db", "written as %40"),
        ("postgresql://u:secret@127.0.0.1:port/db", "not a database address"),
        ("postgresql+psycopg2://u:secret@127.0.0.1/db", "psycopg2 is not supported"),
        ("postgresql://u:secret@127.0.0.1/db?nosuch=1", 'invalid connection option "nosuch"'),
    ],
)
def test_an_address_where_no_server_is(url: str, said: str) -> None:
    assert said in opening(url)


def test_a_database_or_a_user_that_is_not_there(postgres_server: PostgresServer) -> None:
    assert "create it (createdb)" in opening(postgres_server.url("nobody_made_it"))
    assert "refuses the user or the password" in opening(postgres_server.url(user="nobody_made_them"))


def test_a_wrong_password_is_not_repeated(postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.create_database(LOCKED)
    postgres_server.administer("CREATE ROLE guard LOGIN SUPERUSER PASSWORD 'open sesame'")
    assert "refuses the user or the password" in opening(postgres_server.url(LOCKED, user="guard:secret"))
    assert "refuses the user or the password" in opening(postgres_server.url(LOCKED, user="guard"))
    with Store(tmp_path, postgres_server.url(LOCKED, user="guard:open%20sesame")) as store:
        assert store.people() == ()
    postgres_server.drop_database(url)
    postgres_server.administer("DROP ROLE guard")


def test_rights_that_are_missing(postgres_server: PostgresServer, postgres_url: str) -> None:
    postgres_server.administer("CREATE ROLE guest LOGIN")
    guest = "postgresql://guest@" + postgres_url.partition("@")[2]
    assert "GRANT them CREATE" in opening(guest)
    with Store(Path("unused"), postgres_url):
        assert "all rights on its tables" in opening(guest)
    postgres_server.administer("DROP ROLE guest")


def test_a_server_without_a_connection_left(postgres_url: str, store: Store) -> None:
    with ExitStack() as others:
        with suppress(psycopg.OperationalError):
            while True:
                others.enter_context(psycopg.connect(postgres_url))
        assert "close other programs or raise its max_connections" in opening(postgres_url)
        # A connection that it has already it keeps.
        assert store.version() == 0


def test_a_database_in_which_not_everybody_can_be_named(postgres_server: PostgresServer) -> None:
    for encoding in ("LATIN1", "SQL_ASCII"):
        url = postgres_server.create_database(encoding=encoding)
        assert f"keeps text as {encoding}" in opening(url)
        postgres_server.drop_database(url)


def test_a_client_encoding_of_the_surroundings_changes_no_name(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with Store(tmp_path, postgres_url) as store:
        store.enroll("李 Ann 🙂", [template(1)])
        assert store.find("李 Ann 🙂").name == "李 Ann 🙂"


def test_a_database_of_something_else_is_left_alone(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE recipes (name text)")
    assert "a database of something else" in opening(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP TABLE recipes")
        connection.execute("CREATE TABLE schema_version (version integer)")
        connection.execute("INSERT INTO schema_version VALUES (99)")
    assert "newer Facestream (schema 99" in opening(postgres_url)


def test_a_connection_lost_in_a_transaction_keeps_nothing_of_it(
    postgres_server: PostgresServer, postgres_url: str, store: Store
) -> None:
    def broken_off() -> None:
        with store.database.writing() as connection:
            connection.execute(text("INSERT INTO gallery VALUES ('half')"))
            terminate(postgres_server, postgres_url)
            connection.execute(text("INSERT INTO gallery VALUES ('done')"))

    assert "the connection to the server was lost" in refusal(broken_off)
    with store.database.reading() as connection:
        assert "half" not in connection.execute(text("SELECT id FROM gallery")).scalars().all()
    assert store.enroll("Ann", [template(1)]).version == 1


def test_a_server_that_was_started_anew_between_two_transactions_is_no_error(
    postgres_server: PostgresServer, postgres_url: str, store: Store
) -> None:
    store.enroll("Ann", [template(1)])
    terminate(postgres_server, postgres_url)
    assert store.version() == 1
    terminate(postgres_server, postgres_url)
    assert store.enroll("Bob", [template(2)]).version == 2


def test_a_server_that_takes_no_changes(store: Store) -> None:
    def write() -> None:
        with store.database.writing() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))  # what a standby is by nature
            connection.execute(text("INSERT INTO gallery VALUES ('x')"))

    assert "give the address of the primary" in refusal(write)


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="takes no changes"), store.database.reading() as connection:
        connection.execute(text("INSERT INTO gallery VALUES ('x')"))


def test_a_lock_that_stays_is_reported_and_reading_goes_on(
    tmp_path: Path, postgres_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with Store(tmp_path, postgres_url) as other:
        with other.database.writing():
            assert "another program is writing" in refusal(lambda: store.enroll("Ann", [template(1)]))
            assert store.people() == ()
        assert store.enroll("Ann", [template(1)]).version == 1


def test_statements_that_the_server_breaks_off(store: Store) -> None:
    def wait() -> None:
        with store.database.reading() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 10"))
            connection.execute(text("SELECT pg_sleep(60)"))

    assert "raise its statement_timeout" in refusal(wait)


def test_damaged_templates_are_told_of(store: Store) -> None:
    store.enroll("Ann", [template(1), template(1, 1)])
    with store.database.writing() as connection:
        connection.execute(text("UPDATE templates SET vector = '\\x0102' WHERE label = 2"))
    with pytest.raises(StoreError, match="damaged"):
        store.contents(MODEL)
    assert "template 2 is damaged" in "\n".join(store.problems())


def test_what_nothing_is_known_about_is_told_in_the_servers_words_but_without_the_row(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person

    def write() -> None:
        with store.database.writing() as connection:
            connection.execute(insert(people).values(id="p_2", name="Ann", created_at=ann.created_at))

    said = refusal(write)
    assert "duplicate key value violates unique constraint" in said
    assert "Ann" not in said
