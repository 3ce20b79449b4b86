"""A gallery as the first Facestream wrote it, in its own words: what a migration begins with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from pipeline.gallery.vectors import to_bytes
from tests.gallery.people import MODEL, template

_TABLES = """
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE change_counter (id INTEGER NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (id));
CREATE TABLE changes (
    seq {number} NOT NULL, kind VARCHAR(32) NOT NULL, person_id VARCHAR(16) NOT NULL, label BIGINT, PRIMARY KEY (seq)
);
CREATE TABLE people (
    id VARCHAR(16) NOT NULL, name TEXT NOT NULL, created_at {time} NOT NULL, consent TEXT, retain_until {time},
    PRIMARY KEY (id), UNIQUE (name)
);
CREATE TABLE templates (
    label {label}, person_id VARCHAR(16) NOT NULL, model_id TEXT NOT NULL, vector {bytes} NOT NULL,
    quality FLOAT NOT NULL, source TEXT NOT NULL, image_sha256 VARCHAR(64) NOT NULL, created_at {time} NOT NULL,
    CONSTRAINT one_template_an_image UNIQUE (person_id, model_id, image_sha256),
    FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_templates_model_id ON templates (model_id);
CREATE INDEX ix_templates_person_id ON templates (person_id);
CREATE TABLE crops (
    label {number} NOT NULL, png {bytes} NOT NULL, face {bytes} NOT NULL,
    PRIMARY KEY (label), FOREIGN KEY(label) REFERENCES templates (label)
);
INSERT INTO schema_version VALUES (1);
INSERT INTO change_counter VALUES (1, 3)
"""

_TYPES = {
    "sqlite": {
        "number": "INTEGER",
        "label": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "bytes": "BLOB",
        "time": "DATETIME",
    },
    "postgresql": {
        "number": "BIGINT",
        "label": "BIGSERIAL NOT NULL PRIMARY KEY",
        "bytes": "BYTEA",
        "time": "TIMESTAMP WITH TIME ZONE",
    },
}

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANN, GONE = "p_0000000000a1", "p_0000000000b2"


def begin_schema_1(data: Path, url: str | None) -> None:
    """Make a gallery of schema 1: Ann with two templates, one of them with its crop, and somebody forgotten."""
    engine = create_engine(url if url is not None else f"sqlite:///{data / 'gallery.db'}")
    with engine.begin() as connection:
        for statement in _TABLES.format(**_TYPES[engine.dialect.name]).split(";"):
            connection.execute(text(statement))
        _fill(connection, engine.dialect.name)
    engine.dispose()


def _fill(connection: Connection, dialect: str) -> None:
    at = CREATED.replace(tzinfo=None).isoformat(" ", "microseconds") if dialect == "sqlite" else CREATED
    person = text("INSERT INTO people VALUES (:id, :name, :at, :consent, NULL)")
    connection.execute(person, {"id": ANN, "name": "Ann", "at": at, "consent": "signed"})
    added = text(
        "INSERT INTO templates (person_id, model_id, vector, quality, source, image_sha256, created_at) "
        "VALUES (:person, :model, :vector, 0.75, :source, :image, :at)"
    )
    for shot in (0, 1):
        new = template(1, shot)
        values = {"vector": to_bytes(new.vector), "source": new.source, "image": new.image_sha256}
        connection.execute(added, {"person": ANN, "model": MODEL, "at": at, **values})
    crop = {"png": b"png", "face": bytes(4 * 14)}
    connection.execute(text("INSERT INTO crops VALUES (1, :png, :face)"), crop)
    noted = text("INSERT INTO changes VALUES (:seq, :kind, :person, :label)")
    for seq, kind, of, label in (
        (1, "template_added", ANN, 1),
        (2, "template_added", ANN, 2),
        (3, "person_forgotten", GONE, None),
    ):
        connection.execute(noted, {"seq": seq, "kind": kind, "person": of, "label": label})
