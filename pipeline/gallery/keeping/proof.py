"""Is anything of a person left? Rows, what a search finds, and the bytes in every file that is known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Table, func, select

from pipeline.arrays import F32
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.keeping.backup_manifest import OnProgress, untold
from pipeline.gallery.keeping.erasing import rows_left
from pipeline.gallery.keeping.evidence import Evidence
from pipeline.gallery.keeping.traces import Traces
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.tables import sightings, templates
from pipeline.gallery.vectors import UNIT_TOLERANCE, dimension_of, from_bytes

ROWS_AT_ONCE = 32_768
"""vectors searched at once: 64 MiB of 512-D ones"""

SIDE_FILES = ("-wal", "-journal")
"""what SQLite writes beside a database's file, and what may hold rows of it"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of people after they were erased."""

    left: tuple[str, ...]
    """where something of them is or may be, and what to do about it; empty: nothing was found"""
    files: int
    """that were read"""
    bytes: int
    unseen: tuple[str, ...] = ()
    """where nobody can look from here"""

    @property
    def proved(self) -> bool:
        """Whether nothing of them is where one can look."""
        return not self.left


def prove(
    database: Database, evidence: Evidence, places: Iterable[Path], on_progress: OnProgress = untold
) -> Proof:
    """Look for people who were erased: in every table, by searching for them, and in the bytes of files.

    Args:
        evidence: what was remembered of them.
        places: folders and files that may hold something; what SQLite keeps beside a file is looked at with it.

    Raises StoreError where the database fails. A file that cannot be read is told of as a place where they may be.
    """
    with database.reading() as connection:
        left = [
            f"the table {name} has one of their ids; run people forget again"
            for name in rows_left(connection, evidence.whom)
        ]
        served = connection.dialect.name != "sqlite"
        for table in (templates, sightings):
            left += _found_by_searching(connection, table, evidence, on_progress)
    files = _files(places, left)
    size = _search_files(Traces(evidence.cuts), files, left, on_progress)
    unseen = ("the files, the log and the backups of the database server itself",) if served else ()
    return Proof(tuple(left), len(files), size, unseen)


def _found_by_searching(
    connection: Connection, table: Table, evidence: Evidence, on_progress: OnProgress
) -> list[str]:
    """Read the vectors anew, as an index that is loaded does, and search them, a piece at a time, for every probe."""
    total = connection.execute(select(func.count()).select_from(table)).scalar_one()
    owner = (table.c.person_id if table is templates else table.c.sighting_id).label("owner")
    asked = select(table.c.label, table.c.model_id, table.c.vector, owner).where(table.c.vector.is_not(None))
    left, done = [], 0
    for rows in connection.execute(asked.execution_options(yield_per=ROWS_AT_ONCE)).partitions():
        same = [row for row in rows if sha256(row.vector).digest() in evidence.prints]
        left += [
            f"{table.name}: {row.label} of {row.owner} has the very same vector, as if the same photo stood for both"
            for row in same
        ]
        for model_id in {probe.model_id for probe in evidence.probes}:
            of_model = [row for row in rows if row.model_id == model_id]
            probes = np.stack([each.vector for each in evidence.probes if each.model_id == model_id])
            if not _nearest(of_model, probes).isdisjoint(evidence.labels[table.name]):
                left.append(f"{table.name}: a search still finds them; run people forget again")
        done += len(rows)
        on_progress(f"searching {table.name}", done, total)
    return left


def _nearest(rows: Sequence[Row[*tuple[Any, ...]]], probes: F32) -> set[int]:
    """Labels of the vectors that are nearest to the probes; damaged ones are passed over."""
    dimension = probes.shape[1]
    usable = [row for row in rows if dimension_of(row.vector) == dimension]
    vectors = np.array([_readable(row.vector) for row in usable], np.float32).reshape(-1, dimension)
    good = np.abs(np.linalg.norm(vectors, axis=1) - 1.0) <= UNIT_TOLERANCE
    index = ExactIndex(dimension)
    index.add(np.array([row.label for row in usable], np.int64)[good], vectors[good])
    return set(index.search(probes, 1).labels.ravel().tolist())


def _readable(vector: bytes) -> F32:
    """A stored vector (D,); zeros, which have no length, in place of a damaged one."""
    try:
        return from_bytes(vector)
    except ValueError:
        return np.zeros(dimension_of(vector), np.float32)


def _files(places: Iterable[Path], left: list[str]) -> list[Path]:
    """Every file of these places, each once; folders that cannot be read are told of in `left`."""

    def tell(error: OSError) -> None:
        left.append(f"{error.filename}: could not be looked into ({error.strerror}); make it readable")

    found: set[Path] = set()
    for place in places:
        if place.is_dir():
            for parent, _, names in os.walk(place, onerror=tell):
                found |= {Path(parent, name) for name in names}
        else:
            found |= {place, *(place.with_name(place.name + ending) for ending in SIDE_FILES)}
    return sorted(path for path in found if path.is_file())


def _search_files(traces: Traces, files: Sequence[Path], left: list[str], on_progress: OnProgress) -> int:
    """Tell in `left` which files have bytes of theirs, and which cannot be read; how many bytes there are."""
    sizes = [path.stat().st_size if path.exists() else 0 for path in files]
    done = 0
    for path, size in zip(files, sizes, strict=True):
        try:
            if len(traces) and traces.in_file(path):
                left.append(f"{path}: has bytes of their vectors or pictures; delete it, or what is in it")
        except FileNotFoundError:
            continue  # gone meanwhile
        except OSError as error:
            left.append(f"{path}: could not be read ({error.strerror}); make it readable")
        done += size
        on_progress("searching files", done, sum(sizes))
    return done
