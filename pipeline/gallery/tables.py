"""The tables of the gallery, schema version 1."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA_VERSION = 1


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time must say its zone, got {value.isoformat()}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

# SQLite counts only columns of type INTEGER by itself; AUTOINCREMENT keeps it from giving a number again.
_Label = BigInteger().with_variant(Integer, "sqlite")

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

people = Table(
    "people",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("consent", Text),
    Column("retain_until", UtcDateTime),
)

templates = Table(
    "templates",
    metadata,
    Column("label", _Label, primary_key=True, autoincrement=True),
    Column("person_id", String(16), ForeignKey("people.id"), nullable=False, index=True),
    Column("model_id", Text, nullable=False, index=True),
    Column("vector", LargeBinary, nullable=False),
    Column("quality", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("image_sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("person_id", "model_id", "image_sha256", name="one_template_an_image"),
    sqlite_autoincrement=True,
)

crops = Table(
    "crops",
    metadata,
    Column("label", _Label, ForeignKey("templates.label"), primary_key=True, autoincrement=False),
    Column("png", LargeBinary, nullable=False),
    Column("face", LargeBinary, nullable=False),  # 14 little-endian float32: the box, then five landmarks
)

# No foreign keys: the history outlives those it tells of, and holds nothing of them but a random id.
changes = Table(
    "changes",
    metadata,
    Column("seq", _Label, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("person_id", String(16), nullable=False),
    Column("label", BigInteger),
)

# One row. Whoever writes updates it first and so holds its lock until the commit: nobody sees change 8
# before change 7.
change_counter = Table(
    "change_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
)
