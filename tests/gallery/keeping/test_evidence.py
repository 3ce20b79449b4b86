"""What is remembered of people who are erased, where vectors are kept as int8 and where some are damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from pipeline.gallery.int8_grid import to_grid
from pipeline.gallery.keeping.erasing import Whom
from pipeline.gallery.keeping.evidence import Evidence
from pipeline.gallery.keeping.forgetting import forget
from pipeline.gallery.keeping.proof import prove
from pipeline.gallery.keeping.traces import Traces
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.vectors import to_bytes
from tests.gallery.people import template


def on_grid(person: int) -> NewTemplate:
    new = template(person)
    return replace(new, vector=np.asarray(to_grid(new.vector[None])[0]))


def of_ann(store: Store, person_id: str) -> Evidence:
    evidence = Evidence()
    with store.database.reading() as connection:
        evidence.gather(connection, Whom(frozenset({person_id})))
    return evidence


@pytest.mark.parametrize("form", ["as stored", "as an index has it"])
def test_an_int8_vector_is_found_in_either_form(store: Store, form: str) -> None:
    ann, bob = on_grid(1), on_grid(2)
    person = store.enroll("Ann", [ann]).person
    store.enroll("Bob", [bob])
    traces = Traces(of_ann(store, person.id).cuts)
    written = (
        (lambda one: to_bytes(one.vector)) if form == "as stored" else (lambda one: one.vector.tobytes())
    )
    assert traces.in_bytes(b"before" + written(ann) + b"behind")
    assert not traces.in_bytes(b"before" + written(bob) + b"behind")


def test_a_copy_in_an_index_file_is_told_of(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ann = on_grid(1)
        person = store.enroll("Ann", [ann]).person
        store.enroll("Bob", [on_grid(2)])
        left = tmp_path / "index" / "forgotten.npy"
        left.parent.mkdir()
        left.write_bytes(bytes(700) + ann.vector.tobytes())
        evidence = of_ann(store, person.id)
        forget(store.database, tmp_path, person.id)
        assert prove(store.database, evidence, [left.parent]).left == (
            f"{left}: has bytes of their vectors or pictures; delete it, or what is in it",
        )


def test_damaged_vectors_keep_nobody_from_being_forgotten(store: Store, tmp_path: Path) -> None:
    ann = store.enroll("Ann", [on_grid(1), template(1, 1)]).person
    store.enroll("Bob", [on_grid(2), template(2, 1)])
    with store.database.writing() as connection:
        for label in (1, 3):
            broken = b"\x80" + bytes(64)
            connection.execute(update(templates).where(templates.c.label == label).values(vector=broken))
    evidence = of_ann(store, ann.id)
    assert len(evidence.probes) == 1
    assert len(evidence.prints) == 2
    forgotten = forget(store.database, tmp_path, ann.id)
    # Bob's damaged one is byte for byte Ann's, which is worth a word.
    assert any("the very same vector" in line for line in forgotten.left)
