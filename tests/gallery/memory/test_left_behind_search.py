"""People whom an older model alone knows, joined to the answers of the serving one's gallery."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.strangers import Strangers
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.memory.answer import Answer
from pipeline.gallery.memory.left_behind_search import (
    LeftBehindSearch,
    equal_far,
    in_proportion,
    read_older,
    with_left_behind,
)
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from pipeline.gallery.upgrade.left_behind import left_behind
from pipeline.types import Candidate, GalleryState
from tests.conftest import ROOT
from tests.gallery.people import DIMENSION, face, template

OLD, NEW = "old-1", "new-1"
STATE = GalleryState(3, 0.9, 4, 2)
SHIPPED = Strangers.read(Path(ROOT) / "config" / "statistics" / "facenet-20180408-strangers.json")


def older_of(
    store: Store, names: Mapping[str, str] | None = None, within: str | None = None
) -> LeftBehindSearch:
    """Who is left behind now, their distances halved."""
    with store.database.reading() as connection:
        left = left_behind(connection, [NEW])
        older = read_older(connection, OLD, left, ExactIndex(DIMENSION))
    everybody = {one.person.id: one.person.name for one in store.people()}
    return LeftBehindSearch(
        older, in_proportion(1.0, 0.5), lambda: everybody if names is None else names, within
    )


def answer(*people: Candidate) -> Answer:
    return Answer(STATE, (people,))


@pytest.fixture
def ann(store: Store) -> str:
    """Ann is left behind, with two templates; Bob is not."""
    store.enroll("Bob", [template(2, 0, OLD), template(2, 0, NEW)])
    return store.enroll("Ann", [template(1, 0, OLD), template(1, 1, OLD)]).person.id


def test_they_are_found_beside_those_whom_the_serving_model_knows(store: Store, ann: str) -> None:
    search = older_of(store)
    assert search.older.people == 1
    joined = search.join(
        answer(Candidate("p_x", "Cleo", 0.05), Candidate("p_y", "Dan", 1.4)), [face(1, 2)], 5
    )
    (people,) = joined.people
    assert [one.name for one in people] == ["Cleo", "Ann", "Dan"]
    assert people[1].person_id == ann
    (alone,) = search.older.replica.search(face(1, 2)[None], 1)
    assert people[1].distance == pytest.approx(alone[0].distance / 2)
    assert joined.state.comparable == 3
    assert [len(row) for row in search.join(answer(*people), [face(1, 2)], 2).people] == [2]


def test_whoever_the_serving_model_knows_counts_by_that_alone(store: Store, ann: str) -> None:
    serving = answer(Candidate(ann, "Ann", 0.8))
    assert older_of(store).join(serving, [face(1)], 5).people == serving.people


def test_whoever_is_forgotten_since_is_not_told_of_and_names_are_those_of_now(store: Store, ann: str) -> None:
    assert older_of(store, {}).join(answer(), [face(1)], 5).people == ((),)
    (people,) = older_of(store, {ann: "Anna"}).join(answer(), [face(1)], 5).people
    assert [one.name for one in people] == ["Anna"]


def test_rows_that_the_older_model_did_not_see_stay_as_they_are(store: Store, ann: str) -> None:
    two = Answer(STATE, ((), ()))
    joined = older_of(store).join(two, [None, face(1)], 5).people
    assert [len(row) for row in joined] == [0, 1]
    assert older_of(store).join(two, [None, None], 5).people == two.people
    assert [len(row) for row in older_of(store).of(face(1)[None], 5)] == [1]


def test_they_are_looked_for_on_the_same_watchlists(store: Store, ann: str) -> None:
    lists = Watchlists(store.database)
    lists.create("staff", "doors")
    search = older_of(store)
    nobody = Answer(STATE, ((),), empty=("staff",))
    found = search.join(nobody, [face(1)], 5, watchlists=frozenset({"staff"}))
    assert (found.people, found.empty) == (((),), ("staff",))
    lists.add("staff", [ann])
    on_it = older_of(store).join(nobody, [face(1)], 5, watchlists=frozenset({"staff"}))
    assert ([len(row) for row in on_it.people], on_it.empty) == ([1], ())
    assert [len(row) for row in older_of(store, within="staff").of(face(1)[None], 5)] == [1]


def test_equal_far_between_a_model_and_itself_changes_nothing() -> None:
    told = equal_far(SHIPPED, SHIPPED)
    for distance in (0.4, 0.8, 1.0, 1.3, 1.7):
        assert told(distance) == pytest.approx(distance, abs=1e-3)


class Shifted:
    """The statistics of a model whose distances are all farther by a tenth and a bit."""

    def rates_at(self, distances: np.ndarray) -> np.ndarray:
        return SHIPPED.rates_at((distances - 0.05) / 1.1)

    def distances_at(self, rates: np.ndarray) -> np.ndarray:
        return 0.05 + 1.1 * SHIPPED.distances_at(rates)


@given(st.floats(0.3, 1.7), st.floats(0.3, 1.7))
def test_equal_far_keeps_rates_and_order(a: float, b: float) -> None:
    there, back = equal_far(SHIPPED, Shifted()), equal_far(Shifted(), SHIPPED)
    assert there(a) == pytest.approx(0.05 + 1.1 * a, abs=2e-3)
    assert back(there(a)) == pytest.approx(a, abs=2e-3)
    assert (there(a) <= there(b)) or a >= b


def test_in_proportion_never_leaves_the_range_of_distances() -> None:
    assert in_proportion(1.0, 1.2)(0.5) == pytest.approx(0.6)
    assert in_proportion(1.0, 1.2)(3.9) == 4.0


def test_a_stranger_is_compared_with_those_who_are_left_behind_too() -> None:
    own = OwnPairs(10, 20, 15.0, 10, np.zeros(0, np.float32), ())
    assert with_left_behind(own, 0) is own
    grown = with_left_behind(own, 10)
    assert (grown.people, grown.comparisons) == (20, 30.0)
    nobody = OwnPairs(0, 0, 0.0, 0, np.zeros(0, np.float32), ())
    assert (with_left_behind(nobody, 3).people, with_left_behind(nobody, 3).comparisons) == (3, 3.0)
