"""Store, index and history together against a plain dictionary, under random writes, restarts and crashes."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.fusion import FUSED_PEOPLE, mean_distance
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.catching_up import catch_up
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.records import NewPerson
from pipeline.gallery.storage.store import Store
from pipeline.gallery.vectors import squared_l2
from tests.gallery.people import DIMENSION, MODEL, face, template
from tests.postgres import PostgresServer

NAMES = st.sampled_from(["Ann", "Bob", "Cy", "Dee", "Eve", "Flo"])
SHOTS = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)
FACES = st.integers(0, 4)
SETTINGS = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    phases=(
        Phase.explicit,
        Phase.generate,
    ),  # making a failure smaller would take minutes; the blob repeats it
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


class Running:
    """One gallery through all its programs: each stands on what the one before left."""

    def __init__(self, data: Path, url: str | None) -> None:
        self._data = data
        self._url = url
        self._starts = 0
        self._left: list[Store] = []

    def start(self) -> Store:
        """A program that opens the gallery."""
        folder = self._data / str(self._starts)
        folder.mkdir(exist_ok=True)
        store = Store(folder, self._url)
        store.open()
        self._left.append(store)
        return store

    def crash(self) -> None:
        """What kill -9 leaves: the files as they are now, and a server whose client said no goodbye."""
        if self._url is None:
            before = self._data / str(self._starts)
            self._starts += 1
            after = self._data / str(self._starts)
            after.mkdir()
            for name in ("gallery.db", "gallery.db-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(before / name, after / name)

    def end(self) -> None:
        """Close what was left behind."""
        for store in self._left:
            store.close()


class StoreAndIndex(RuleBasedStateMachine):
    """Rules change the store and the dictionary alike; the replica only follows the store's history."""

    def __init__(self, running: Running, kind: str) -> None:
        super().__init__()
        self._running = running
        self._kind = kind
        self._store = running.start()
        self._replica = self._load()
        self._known: dict[str, dict[tuple[int, int], F32]] = {}
        """by name and (face, shot), the vector"""
        self._version = 0

    @rule(name=NAMES, number=FACES, shots=SHOTS)
    def enroll(self, name: str, number: int, shots: list[int]) -> None:
        self._enroll([(name, number, shots)])

    @rule(given=st.lists(st.tuples(NAMES, FACES, SHOTS), min_size=1, max_size=3))
    def enroll_many(self, given: list[tuple[str, int, list[int]]]) -> None:
        self._enroll(given)

    @rule(name=NAMES, other=NAMES)
    def rename(self, name: str, other: str) -> None:
        if name not in self._known:
            assert self._store.known(name) is None
        elif other in self._known and other != name:
            with pytest.raises(GalleryError, match="already"):
                self._store.rename(self._store.find(name).id, other)
        else:
            self._store.rename(self._store.find(name).id, other)
            self._version += other != name
            self._known[other] = self._known.pop(name)

    @rule(gone=NAMES, into=NAMES)
    def merge(self, gone: str, into: str) -> None:
        if gone not in self._known or into not in self._known or gone == into:
            return
        leaving = self._known.pop(gone)
        dropped = len(leaving.keys() & self._known[into].keys())
        merged = self._store.merge(self._store.find(gone).id, self._store.find(into).id)
        assert (merged.moved, len(merged.dropped)) == (len(leaving) - dropped, dropped)
        self._known[into] = leaving | self._known[into]
        self._version = merged.version

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        if name in self._known:
            assert self._store.forget(self._store.find(name).id).templates == len(self._known.pop(name))
            self._version += 1

    @rule()
    def restart(self) -> None:
        self._store.close()
        self._store = self._running.start()
        self._replica = self._load()

    @rule()
    def crash(self) -> None:
        self._running.crash()
        self._store = self._running.start()
        self._replica = self._load()

    @rule()
    def follow(self) -> None:
        """Not after every write, so that several changes are caught up with at once."""
        assert catch_up(self._replica, self._store.database, MODEL)
        self._replica.index.settle()
        assert self._replica.version == self._store.version() == self._version
        assert len(self._replica) == sum(map(len, self._known.values()))
        for number in range(5):
            self._search(face(number, 77))

    @invariant()
    def the_store_is_the_dictionary(self) -> None:
        counts = {one.person.name: one.templates for one in self._store.people()}
        assert counts == {name: len(kept) for name, kept in self._known.items()}
        told = [change.seq for change in self._store.changes_since(0)]
        assert told == list(range(1, self._version + 1))

    def teardown(self) -> None:
        self.follow()
        for name, kept in self._known.items():
            found = self._store.templates_of(self._store.find(name).id)
            assert sorted(one.vector.tobytes() for one in found) == sorted(v.tobytes() for v in kept.values())
        assert self._store.problems() == ()
        self._running.end()

    def _enroll(self, given: list[tuple[str, int, list[int]]]) -> None:
        new = [NewPerson(name, tuple(template(n, shot) for shot in shots)) for name, n, shots in given]
        after = {name: dict(kept) for name, kept in self._known.items()}
        images = [(name, (n, shot)) for name, n, shots in given for shot in shots]
        if len(set(images)) < len(images) or any(image in after.get(name, {}) for name, image in images):
            with pytest.raises(GalleryError, match="already enrolled"):
                self._store.enroll_many(new)
            return
        self._store.enroll_many(new)
        for name, (number, shot) in images:
            after.setdefault(name, {})[number, shot] = face(number, shot)
        self._known = after
        self._version += len(images)

    def _search(self, probe: F32) -> None:
        # Two people may have the same photo: which of them is found is told by their random ids.
        ids = {one.person.name: one.person.id for one in self._store.people()}
        nearest = sorted(
            (float(squared_l2(probe, vectors).min()), ids[name], mean_distance(probe, vectors))
            for name, vectors in ((name, np.stack(list(kept.values()))) for name, kept in self._known.items())
        )
        first = sorted((min(distance, mean), id_) for distance, id_, mean in nearest[:FUSED_PEOPLE])
        expected = [*first, *((distance, id_) for distance, id_, _ in nearest[FUSED_PEOPLE:3])]
        (found,) = self._replica.search(probe[None], 3)
        assert [one.person_id for one in found] == [id_ for _, id_ in expected]
        assert [one.distance for one in found] == pytest.approx([each for each, _ in expected], abs=1e-5)

    def _load(self) -> Replica:
        index = choose_index(self._kind, DIMENSION, always_approximate=True)
        return Replica.load(self._store, MODEL, index)


@pytest.mark.parametrize("kind", ["exact", "hnsw"])
def test_a_file(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    class OnFile(StoreAndIndex):
        def __init__(self) -> None:
            super().__init__(Running(tmp_path_factory.mktemp("gallery"), None), kind)

    run_state_machine_as_test(OnFile, settings=SETTINGS)


@pytest.mark.postgresql
def test_a_server(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> None:
    urls: list[str] = []

    class OnServer(StoreAndIndex):
        def __init__(self) -> None:
            urls.append(postgres_server.create_database())
            super().__init__(Running(tmp_path_factory.mktemp("gallery"), urls[-1]), "exact")

    run_state_machine_as_test(OnServer, settings=settings(SETTINGS, max_examples=4))
    for url in urls:
        postgres_server.drop_database(url)
