"""The tables of the gallery, schema version 4; `migrations` brings older galleries here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = 4


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

CHANGES, STRANGER_CHANGES = 1, 2
"""rows of change_counter"""

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
    Column("image_sha256", String(64), nullable=False, index=True),
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

# A row a history: CHANGES and STRANGER_CHANGES. Whoever writes updates it first and so holds its lock until the
# commit: nobody sees change 8 before change 7.
change_counter = Table(
    "change_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
)

# One row, made with the gallery: files that were made of another gallery are told by it.
gallery = Table("gallery", metadata, Column("id", String(32), primary_key=True))

# Which embedder the gallery is searched with: a row a switch, the last one serves. None: no switch was ever made.
serving = Table(
    "serving",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("model", Text, nullable=False),  # its entry in models.yaml
    Column("model_id", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

watchlists = Table(
    "watchlists",
    metadata,
    Column("name", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("watchlist", Text, ForeignKey("watchlists.name"), primary_key=True),
    Column("person_id", String(16), ForeignKey("people.id"), primary_key=True, index=True),
)

# An unknown person. A merged one goes on under another's id; its row stays so that the old id still leads there.
strangers = Table(
    "strangers",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("state", String(16), nullable=False),  # records.StrangerState
    Column("merged_into", String(16), ForeignKey("strangers.id"), index=True),
    Column("person_id", String(16), ForeignKey("people.id"), index=True),  # whom a named one turned out to be
    Column("created_at", UtcDateTime, nullable=False),
)

sightings = Table(
    "sightings",
    metadata,
    Column("label", _Label, primary_key=True, autoincrement=True),
    Column("sighting_id", Text, nullable=False, unique=True),
    Column("camera", Text, nullable=False, index=True),
    Column("run", Text, nullable=False, index=True),  # random when live, a hash of the recording in a replay
    Column("mode", String(8), nullable=False),
    Column("seq", Integer, nullable=False),  # of its last event
    Column("over", Boolean, nullable=False),  # whether that was its end: until then its run alone tells of it
    Column("told_seq", Integer, nullable=False),  # of its last event that was published; corrections may wait
    Column("person_id", String(16), ForeignKey("people.id"), index=True),
    Column("stranger_id", String(16), ForeignKey("strangers.id")),
    Column("previous_person_id", String(16)),  # who it was taken for before a correction that waits
    Column("previous_name", Text),
    Column("distance", Float),
    Column("threshold", Float, nullable=False),
    Column("frames_fused", Integer, nullable=False),
    Column("quality", Float, nullable=False),
    Column("x0", Float, nullable=False),  # the box, fractions of the frame
    Column("y0", Float, nullable=False),
    Column("x1", Float, nullable=False),
    Column("y1", Float, nullable=False),
    Column("frame_index", BigInteger, nullable=False),
    Column("pts_s", Float, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
    Column("detector", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("gallery_version", BigInteger, nullable=False),
    Column("snapshot", Text),  # below the data folder
    Column("vector", LargeBinary),  # none: no shot was good enough, or its time is over
    Column("stands", Boolean, nullable=False),  # whether its stranger is recognised by it
    Column("written_at", UtcDateTime, nullable=False, index=True),  # what retention counts from
    # Of the name, or of why there is none (events.explanation); none of a sighting that was kept by schema 2.
    Column("explanation", Text),
    # Whom the face came nearest to, by the ids of that time; columns of their own, so that `forget` finds them. No
    # foreign keys: a sighting outlives them.
    Column("nearest_person_id", String(16)),
    Column("second_person_id", String(16)),
    sqlite_autoincrement=True,
)

# A list of strangers is answered by this index alone: a row's vector fills half a page.
Index(
    "sightings_of_strangers",
    sightings.c.stranger_id,
    sightings.c.camera,
    sightings.c.first_seen_at,
    sightings.c.seen_at,
    sightings.c.quality,
)
# Few of a million sightings each: those that strangers are recognised by, and those with a correction to tell.
Index(
    "sightings_that_stand",
    sightings.c.label,
    sqlite_where=text("stands = 1"),  # as queries say it there: SQLite uses the index for the same words only
    postgresql_where=sightings.c.stands,
)
Index(
    "sightings_to_correct",
    sightings.c.label,
    sqlite_where=sightings.c.seq > sightings.c.told_seq,
    postgresql_where=sightings.c.seq > sightings.c.told_seq,
)

# What happened to the vectors that strangers are recognised by, for replicas; apart from `changes`, because a
# gallery does not change when a stranger passes.
stranger_changes = Table(
    "stranger_changes",
    metadata,
    Column("seq", _Label, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("stranger_id", String(16), nullable=False),
    Column("label", BigInteger),
)

# Files that `forget` has to clean too.
backups = Table(
    "backups",
    metadata,
    Column("path", Text, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
)
