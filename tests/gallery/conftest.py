"""The databases that a gallery may live in: what is said of one is tested on both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.gallery.storage.store import Store
from tests.postgres import PostgresServer, find_programs, running_server

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real server; where FACESTREAM_REQUIRE promises `postgresql`, its absence is a failure."""
    programs = find_programs()
    if programs is None:
        if "postgresql" in os.environ.get("FACESTREAM_REQUIRE", "").split(","):
            pytest.fail("FACESTREAM_REQUIRE promises postgresql, and there is no initdb")
        pytest.skip("no PostgreSQL server is installed")
    with running_server(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database, gone after the test."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str | None:
    """What `gallery.url` says: nothing for the file in the data folder, and the address of a PostgreSQL database."""
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None


@pytest.fixture
def make_store(tmp_path: Path, database_url: str | None) -> Callable[[], Store]:
    """A store, not open yet; each call gives another of the same gallery, as another program has it."""
    return lambda: Store(tmp_path, database_url)


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Iterator[Store]:
    """An open, empty gallery, of each database."""
    with make_store() as opened:
        yield opened
