"""One upgrade of a gallery at a time, from whichever machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import GalleryError
from pipeline.gallery.storage.database import Database

UPGRADE_LOCK = 0x75706772616465
"""number of the lock that an upgrade holds on a PostgreSQL database, the bytes of upgrade"""
ANOTHER = "another upgrade of this gallery is running; wait for its end, or end it"


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Hold the gallery's lock for upgrades; a server lets go of it when this program dies.

    A file has none of its own: only programs with its data folder can write to it, and they lock a file there. Raises
    GalleryError where another upgrade runs, StoreError.
    """
    with database.looking() as connection:
        if connection.dialect.name == "postgresql":
            taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({UPGRADE_LOCK})").scalar_one()
            connection.commit()  # the lock is the connection's; an open transaction would hinder VACUUM
            if not taken:
                raise GalleryError(ANOTHER)
        yield
