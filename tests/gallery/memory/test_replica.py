"""The gallery in memory: different people, nearest first, whoever has how many templates."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.calibration import own_pairs
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.mlann import MlannIndex
from pipeline.gallery.memory.contents import Contents
from pipeline.gallery.memory.delta import Position
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.rows import now
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from tests.gallery.people import DIMENSION, MODEL, face, template, unit


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def replica_of(owners: list[str], vectors: F32, kind: str = "exact") -> Replica:
    people = tuple(Person(one, one.title(), now()) for one in sorted(set(owners)))
    labels = np.arange(len(owners), dtype=np.int64)
    index = choose_index(kind, vectors.shape[1])
    return Replica.of(Contents(7, people, labels, tuple(owners), vectors, 0), index)


def found(replica: Replica, probe: F32, count: int) -> list[str]:
    return [candidate.person_id for candidate in replica.search(probe[None], count)[0]]


def test_an_empty_gallery_finds_nobody_for_each_probe(store: Store) -> None:
    replica = Replica.load(store, MODEL, choose_index("hnsw", DIMENSION))
    assert (replica.version, dict(replica.people), len(replica)) == (0, {}, 0)
    assert replica.search(np.stack([face(1), face(2)]), 5) == ((), ())


@pytest.mark.parametrize("kind", INDEXES)
def test_people_come_nearest_first_at_their_nearest_template(store: Store, kind: str) -> None:
    for person in range(6):
        store.enroll(f"Person {person}", [template(person, shot) for shot in range(person + 1)])
    replica = Replica.load(store, MODEL, choose_index(kind, DIMENSION))
    assert replica.version == store.version() == 21
    probe = face(4, shot=99)
    (answer,) = replica.search(probe[None], 3)
    distances = {
        f"Person {person}": min(
            float(np.sum((probe - face(person, shot)) ** 2, dtype=np.float32)) for shot in range(person + 1)
        )
        for person in range(6)
    }
    nearest = sorted(distances, key=distances.__getitem__)[:3]
    assert [candidate.name for candidate in answer] == nearest
    assert answer[0].name == "Person 4"
    assert [candidate.distance for candidate in answer] == pytest.approx([distances[n] for n in nearest])
    assert replica.people[answer[0].person_id] == "Person 4"


@pytest.mark.parametrize("kind", INDEXES)
def test_a_person_of_many_templates_does_not_crowd_out_the_others(kind: str) -> None:
    vectors = np.stack([face(1, shot, spread=0.05) for shot in range(500)] + [face(2), face(3)])
    replica = replica_of(["ann"] * 500 + ["bob", "cy"], vectors, kind)
    people = found(replica, face(1), 3)
    assert people[0] == "ann"
    assert sorted(people) == ["ann", "bob", "cy"]


def test_fewer_people_than_asked_for_are_all_returned() -> None:
    replica = replica_of(["ann", "bob"], np.stack([face(1), face(2)]))
    assert found(replica, face(1), 5) == ["ann", "bob"]


def test_equal_distances_come_in_order_of_person_id_even_beyond_what_was_asked_first() -> None:
    owners = ["zoe"] * 40 + ["bob"] * 40 + ["ann"]
    replica = replica_of(owners, np.stack([face(1)] * len(owners)))
    assert found(replica, face(1), 1) == ["ann"]
    assert found(replica, face(1), 2) == ["ann", "bob"]


def test_the_same_probe_gets_the_same_answer_in_any_batch() -> None:
    rng = np.random.default_rng(3)
    vectors = unit(rng.normal(size=(400, DIMENSION)))
    replica = replica_of([f"p{row % 37:02}" for row in range(400)], vectors)
    probes = unit(rng.normal(size=(25, DIMENSION)))
    assert replica.search(probes, 4) == tuple(replica.search(probe[None], 4)[0] for probe in probes)


def test_templates_of_other_models_are_left_out_and_counted(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.enroll("Ann", [template(1), template(1, 1, model_id="model-b", dimension=8)])
    bob = store.enroll("Bob", [template(2, model_id="model-b", dimension=8)]).person
    with caplog.at_level(logging.WARNING):
        replica = Replica.load(store, MODEL, choose_index("exact", DIMENSION))
    assert "people whom other models than model-a alone know: 1; upgrade --status names them" in caplog.text
    assert [one.name for one in replica.search(face(2)[None], 5)[0]] == ["Ann"]
    assert bob.id in replica.people


def test_it_keeps_its_version_whatever_is_written(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    replica = Replica.load(store, MODEL, choose_index("exact", DIMENSION))
    store.forget(ann.id)
    assert replica.version == 1
    assert replica.search(face(1)[None], 1)[0][0].name == "Ann"


def test_vectors_of_another_dimension_are_refused(store: Store) -> None:
    store.enroll("Ann", [template(1)])
    with pytest.raises(GalleryError, match=r"have 64 numbers and the embedder's 32"):
        Replica.load(store, MODEL, choose_index("exact", 32))


@pytest.mark.parametrize("kind", INDEXES)
def test_a_search_of_a_watchlist_finds_its_people_alone(store: Store, kind: str) -> None:
    ids = [
        store.enroll(f"Person {k}", [template(k, shot) for shot in range(1 + k % 3)]).person.id
        for k in range(9)
    ]
    lists = Watchlists(store.database)
    lists.create("staff", "may pass")
    lists.create("nobody", "is empty")
    lists.add("staff", [ids[k] for k in (2, 5, 7)])
    replica = Replica.load(store, MODEL, choose_index(kind, DIMENSION))
    staff = frozenset({"staff"})
    (answer,) = replica.search(face(4)[None], 9, watchlists=staff)
    everybody = [
        one for one in replica.search(face(4)[None], 9)[0] if one.person_id in {ids[k] for k in (2, 5, 7)}
    ]
    assert list(answer) == everybody
    assert [[each.name for each in one.watchlists] for one in answer] == [["staff"]] * 3
    assert replica.search(face(2)[None], 1, watchlists=staff)[0][0].name == "Person 2"
    empty = replica.answer(face(2)[None], 1, watchlists=frozenset({"nobody"}))
    assert (empty.people, empty.unknown, empty.empty) == (((),), (), ("nobody",))
    unknown = replica.answer(face(2)[None], 1, watchlists=frozenset({"stuff"}))
    assert (unknown.people, unknown.unknown, unknown.empty) == (((),), ("stuff",), ())


@pytest.mark.parametrize("kind", INDEXES)
def test_a_hint_changes_no_answer_even_one_of_somebody_who_is_gone(store: Store, kind: str) -> None:
    for k in range(30):
        store.enroll(f"Person {k}", [template(k), template(k, 1)])
    replica = Replica.load(store, MODEL, choose_index(kind, DIMENSION))
    probes = np.stack([face(k, 9) for k in range(30)])
    plain = replica.search(probes, 3)
    labels = np.array([found[0].label for found in plain], np.int64)
    assert set(labels.tolist()) <= set(range(1, 61))
    assert replica.search(probes, 3, near=labels) == plain
    assert replica.search(probes, 3, near=np.full(30, 999, np.int64)) == plain
    assert replica.search(probes, 3, near=np.full(30, -1, np.int64)) == plain


def test_its_own_pairs_are_those_of_all_it_holds(store: Store) -> None:
    for k in range(12):
        store.enroll(f"Person {k}", [template(k, shot) for shot in range(1 + k % 4)])
    store.enroll("Of another model", [template(99, model_id="model-b", dimension=8)])
    contents = store.contents(MODEL)
    expected = own_pairs(contents.person_ids, contents.vectors)
    found = Replica.load(store, MODEL, choose_index("exact", DIMENSION)).own_pairs
    assert found.distances.tobytes() == expected.distances.tobytes()
    assert (found.nearest, found.people, found.comparisons) == (
        expected.nearest,
        expected.people,
        expected.comparisons,
    )


def test_a_used_index_is_refused() -> None:
    index = choose_index("exact", DIMENSION)
    index.add(np.array([1], np.int64), face(1)[None])
    contents = Contents(0, (), np.zeros(0, np.int64), (), np.zeros((0, 0), np.float32), 0)
    with pytest.raises(ValueError, match="must be empty"):
        Replica.of(contents, index)


def test_an_index_that_stops_early_knows_whose_templates_are(tmp_path: Path) -> None:
    """Else a person's templates would be each other's rivals, and hardly any search would end early."""
    each = 4
    vectors = np.stack([face(k, shot) for k in range(40) for shot in range(each)])
    owners = [f"p_{k}" for k in range(40) for _ in range(each)]
    labels = np.arange(len(owners), dtype=np.int64)

    def told(index: MlannIndex) -> tuple[float, float]:
        index.stop_below(0.9)
        return index.stop, index.familiar

    knowing, alone = MlannIndex(DIMENSION, owners=lambda labels: labels // each), MlannIndex(DIMENSION)
    for index in (knowing, alone):
        index.add(labels, vectors)
    replica = replica_of(owners, vectors, "mlann")
    assert isinstance(replica.index, MlannIndex)
    assert told(replica.index) == told(knowing) > told(alone)
    replica.index.save(tmp_path)
    adopting = Replica(MlannIndex.load(tmp_path))
    # Numbers of people are another program's: they are not those that the file was written with.
    adopting.meet({"p_0123456789ab": "Somebody"})
    ids = sorted(set(owners))
    adopting.adopt(labels, ids, np.array([ids.index(one) for one in owners]), Position("", 7, ""))
    assert isinstance(adopting.index, MlannIndex)
    assert told(adopting.index) == told(knowing)
    new = np.stack([face(99, shot) for shot in range(2)])
    adopting.hold(np.array([900, 901]), ("p_99", "p_99"), new)
    knowing.add(np.array([9900, 9901]), new)
    assert (adopting.index.stop, adopting.index.familiar) == (knowing.stop, knowing.familiar)
