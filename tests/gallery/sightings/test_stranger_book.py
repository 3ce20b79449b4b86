"""The book of strangers: who is recognised, by what, and what other programs' changes do to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.strangers import Strangers
from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.calibration import OwnPairs, calibrated
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.sightings.sighting_records import KnownStrangers
from pipeline.gallery.sightings.stranger_book import BookRules, StrangerBook, StrangerNews, derived_reach
from tests.gallery.people import DIMENSION, face

SHIPPED = Path(__file__).parents[3] / "config" / "statistics" / "facenet-20180408-strangers.json"
REACH = 0.7
NOBODY: tuple[str, ...] = ()


def known(
    rows: Mapping[int, tuple[str, F32]] | None = None,
    *,
    ignored: Sequence[str] = (),
    merged: Mapping[str, str] | None = None,
) -> KnownStrangers:
    """Label -> whom it stands for, and the vector."""
    rows = rows or {}
    return KnownStrangers(
        version=0,
        labels=np.array(list(rows), np.int64),
        stranger_ids=tuple(who for who, _ in rows.values()),
        vectors=np.stack([vector for _, vector in rows.values()]) if rows else np.zeros((0, 0), np.float32),
        qualities=np.full(len(rows), 0.5, np.float32),
        ignored=frozenset(ignored),
        merged=merged or {},
    )


def book(from_start: KnownStrangers | None = None, max_vectors: int = 3) -> StrangerBook:
    rules = BookRules(min_quality=0.3, max_vectors=max_vectors)
    return StrangerBook(from_start or known(), rules, lambda _: REACH, ExactIndex(DIMENSION))


def news(
    rows: Mapping[int, tuple[str, F32]] | None = None, removed: Sequence[int] = (), **keys: object
) -> StrangerNews:
    named = keys.pop("named", frozenset())
    return StrangerNews(np.array(removed, np.int64), known(rows, **keys), named)  # type: ignore[arg-type]


def test_the_nearest_within_reach_and_nobody_else() -> None:
    strangers = book(known({4: ("s_1", face(1)), 9: ("s_2", face(2))}))
    assert len(strangers) == 2
    assert strangers.recognise("a", face(1, 1), NOBODY) == "s_1"
    assert strangers.recognise("a", face(2, 1), NOBODY) == "s_2"
    assert strangers.recognise("a", face(3), NOBODY) is None


def test_barred_ids_are_passed_over_however_many_vectors_they_have() -> None:
    near = {label: ("s_1", face(1, label)) for label in range(1, 4)}
    strangers = book(known({**near, 7: ("s_2", face(1, 50, 0.6))}))
    assert strangers.recognise("a", face(1), {"s_1"}) == "s_2"
    assert strangers.recognise("a", face(1), {"s_1", "s_2"}) is None


def test_a_sighting_is_not_recognised_by_itself() -> None:
    strangers = book()
    strangers.put("a", "s_a", face(1), 0.8)
    assert strangers.recognise("a", face(1), NOBODY) is None
    assert strangers.recognise("b", face(1, 1), NOBODY) == "s_a"
    strangers.close("a")
    assert not strangers.stands("a")
    assert strangers.recognise("b", face(1, 1), NOBODY) == "s_a"


def test_what_is_put_in_again_takes_the_place_of_what_was() -> None:
    strangers = book()
    strangers.put("a", "s_a", face(1), 0.8)
    strangers.put("a", "s_b", face(2), 0.8)
    assert strangers.stands("a")
    assert strangers.recognise("b", face(1), NOBODY) is None
    assert strangers.recognise("b", face(2), NOBODY) == "s_b"
    strangers.drop("a")
    strangers.drop("a")
    assert len(strangers) == 0


def test_a_stranger_keeps_the_most_different_vectors_and_of_two_alike_the_better() -> None:
    strangers = book(max_vectors=2)
    strangers.put("a", "s_1", face(1), 0.5)
    strangers.put("b", "s_1", face(2), 0.9)
    strangers.put("c", "s_1", face(1, 1, 0.1), 0.6)  # like the first, and better
    assert [strangers.stands(each) for each in "abc"] == [False, True, True]
    strangers.put("d", "s_1", face(2, 1, 0.1), 0.4)  # like the second, and worse
    assert [strangers.stands(each) for each in "bcd"] == [True, True, False]


def test_the_same_vector_twice_stands_once() -> None:
    strangers = book()
    strangers.put("door:1:1", "s_1", face(1), 0.5)
    strangers.put("copy:1:1", "s_1", face(1), 0.5)
    assert not strangers.stands("copy:1:1")


def test_more_stored_vectors_than_the_limit_are_thinned_out() -> None:
    rows = {label: ("s_1", face(1, label)) for label in range(1, 9)}
    strangers = book(known(rows), max_vectors=3)
    found = {label for label in rows if strangers.recognise("x", face(1, label, 0.4), NOBODY)}
    assert found == set(rows)  # each is near one of the three that are left
    strangers.take_in(news(removed=list(rows)))
    assert len(strangers) == 0


def test_merges_ignored_and_named_strangers() -> None:
    strangers = book(known({1: ("s_1", face(1)), 2: ("s_2", face(2)), 3: ("s_3", face(3))}))
    strangers.put("a", "s_2", face(2, 1), 0.8)
    strangers.take_in(news(merged={"s_2": "s_1"}, ignored=["s_1"], named=frozenset({"s_3"})))
    assert strangers.recognise("x", face(2, 2), NOBODY) == "s_1"
    assert strangers.settled("s_2") == "s_1"
    assert strangers.is_ignored("s_2")
    assert not strangers.is_ignored("s_3")
    assert strangers.recognise("x", face(3), NOBODY) is None
    strangers.put("b", "s_3", face(3), 0.8)  # is written as the person by now, so nobody may become it
    assert strangers.recognise("x", face(3), NOBODY) is None
    strangers.take_in(news(merged={"s_2": "s_1"}))
    assert not strangers.is_ignored("s_1")


def test_an_open_sighting_is_not_recognised_by_what_was_written_of_it_before() -> None:
    strangers = book()
    strangers.put("a", "s_a", face(1), 0.8)
    strangers.put("a", "s_a", face(1, 1), 0.8)
    strangers.take_in(news({100: ("s_a", face(1))}))
    assert strangers.recognise("a", face(1, 2), NOBODY) is None
    assert strangers.recognise("b", face(1, 2), NOBODY) == "s_a"
    strangers.take_in(news({101: ("s_a", face(1, 1))}, removed=[100]))
    assert strangers.recognise("a", face(1, 2), NOBODY) is None
    strangers.drop("a")
    strangers.take_in(news({101: ("s_a", face(1, 1))}))
    assert len(strangers) == 0


def test_a_sighting_that_comes_back_as_written_counts_once() -> None:
    strangers = book()
    strangers.put("a", "s_a", face(1), 0.8)
    strangers.take_in(news({5: ("s_a", face(1))}))
    assert strangers.recognise("a", face(1), NOBODY) is None  # label 5 is its own
    strangers.put("a", "s_a", face(1, 1), 0.9)  # a better shot: 5 is out of date
    strangers.take_in(news({6: ("s_a", face(1, 1))}, removed=[5]))
    strangers.close("a")
    strangers.take_in(news(removed=[6]))
    assert len(strangers) == 0


def test_news_may_come_twice() -> None:
    strangers = book()
    again = news({5: ("s_1", face(1)), 6: ("s_2", face(2))}, removed=[7])
    strangers.take_in(again)
    strangers.take_in(again)
    assert len(strangers) == 2


def test_vectors_of_another_dimension_are_refused() -> None:
    with pytest.raises(GalleryError, match="the strangers' vectors have 32 numbers and the embedder's 64"):
        book(known({1: ("s_1", face(1, dimension=32))}))


def test_the_index_must_be_empty() -> None:
    index = ExactIndex(DIMENSION)
    index.add(np.array([1]), face(1)[None])
    with pytest.raises(ValueError, match="must be empty"):
        StrangerBook(known(), BookRules(0.3, 5), lambda _: REACH, index)


def test_the_reach_is_that_of_names_among_people_at_large() -> None:
    curve = Strangers.read(SHIPPED)
    ceiling = curve.distance_at(1e-3)
    reach = derived_reach(curve, 0.01, ceiling)
    assert reach(0) == reach(1) == ceiling
    for people in (30, 1000, 100_000):
        at_large = OwnPairs(people, people, float(people), 0, np.zeros(0, np.float32), ())
        assert reach(people) == pytest.approx(
            calibrated(curve, at_large, 0.01, ceiling).max_distance, abs=2e-3
        )
    with pytest.raises(ValueError, match="max_fpir"):
        derived_reach(curve, 1.0, ceiling)


def test_the_reach_shrinks_with_the_vectors_and_grows_back() -> None:
    asked: list[float] = []

    def reach(comparisons: float) -> float:
        asked.append(comparisons)
        return REACH

    strangers = StrangerBook(known(), BookRules(0.3, 2), reach, ExactIndex(DIMENSION))
    for number, who in enumerate(("s_1", "s_1", "s_2")):
        strangers.put(str(number), who, face(number), 0.5)
    assert strangers.reach == REACH
    strangers.drop("1")
    assert strangers.reach == REACH
    assert asked == pytest.approx([1 + 2**0.8, 2.0])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=40))
def test_the_book_holds_what_was_put_and_not_dropped(steps: list[tuple[int, int, bool]]) -> None:
    strangers, standing = book(max_vectors=10), {}
    for sighting, person, puts in steps:
        key = str(sighting)
        if puts:
            strangers.put(key, f"s_{person}", face(person, sighting, 0.2), 0.5)
            standing[key] = f"s_{person}"
        else:
            strangers.drop(key)
            standing.pop(key, None)
    assert len(strangers) == len(set(standing.values()))
    for person in range(4):
        found = strangers.recognise("new", face(person), NOBODY)
        assert found == (f"s_{person}" if f"s_{person}" in standing.values() else None)
