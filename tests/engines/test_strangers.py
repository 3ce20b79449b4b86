"""Statistics of strangers: a curve that tells rates and distances of a population whose rates are known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import strangers
from engines.arrays import F32
from engines.errors import CatalogueError, EvaluationError
from engines.strangers import (
    MAX_PHOTOS,
    MIN_PEOPLE,
    TAIL_RATE,
    Strangers,
    _distances,
    _levels,
    measure_strangers,
)
from engines.zoo.catalogue import read_catalogue

SHIPPED = Path(__file__).parents[2] / "config" / "statistics" / "facenet-20180408-strangers.json"

SIMPLE = Strangers(
    model_id="m",
    source="by hand",
    people=100,
    photos=110,
    pairs=4950,
    rates=(1e-3, 1e-2, 1e-1),
    distances=(1.0, 1.2, 1.5),
    same_pairs=10,
    same_shares=(0.5, 1.0),
    same_distances=(0.6, 1.0),
)


def crowd(people: int, photos: int = 1, dimension: int = 32, spread: float = 0.3) -> tuple[F32, list[str]]:
    """Random unit vectors, and whose they are; photos of one person lie together."""
    chance = np.random.default_rng(7)
    centres = np.repeat(chance.normal(size=(people, dimension)), photos, axis=0)
    vectors = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    vectors += spread * chance.normal(size=vectors.shape) / np.sqrt(dimension)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"p{row // photos}" for row in range(people * photos)]


def test_between_levels_log_rate_is_a_straight_line() -> None:
    assert SIMPLE.distance_at(1e-2) == pytest.approx(1.2)
    assert SIMPLE.distance_at(10**-2.5) == pytest.approx(1.1)
    assert SIMPLE.rates_at(np.array([1.1, 1.35])) == pytest.approx([10**-2.5, 10**-1.5])


def test_below_the_lowest_rate_the_line_goes_on() -> None:
    assert SIMPLE.distance_at(1e-4) == pytest.approx(0.8)  # 0.2 a decade, as in the lowest
    assert SIMPLE.rates_at(np.array([0.8])) == pytest.approx([1e-4])
    assert SIMPLE.distance_at(1e-30) == 0.0


def test_above_the_highest_everybody_is_nearer() -> None:
    assert SIMPLE.rates_at(np.array([4.0])).tolist() == [1.0]


def test_the_share_of_one_persons_photos() -> None:
    assert [SIMPLE.recognised(d) for d in (0.0, 0.3, 0.6, 0.8, 2.0)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert SIMPLE.same_person_distance(0.75) == pytest.approx(0.8)
    alone = replace(SIMPLE, same_pairs=0, same_shares=(), same_distances=())
    assert alone.recognised(1.0) is None
    assert alone.same_person_distance(0.5) is None


@given(st.floats(1e-12, 0.1))
def test_rate_and_distance_are_each_others_inverse(rate: float) -> None:
    distance = SIMPLE.distance_at(rate)
    if distance > 0.0:
        assert SIMPLE.rates_at(np.array([distance]))[0] == pytest.approx(rate, rel=1e-6)


def test_the_curve_is_that_of_the_pairs() -> None:
    vectors, people = crowd(600)
    found = measure_strangers(vectors, people, "m", "crowd")
    rows, columns = np.triu_indices(600, 1)
    apart = np.sum((vectors[rows].astype(np.float64) - vectors[columns]) ** 2, axis=1)
    assert (found.people, found.photos, found.pairs, found.same_pairs) == (600, 600, 179_700, 0)
    assert found.lowest_rate == pytest.approx(3 / 179_700)
    for rate, within in ((0.3, 0.02), (1e-2, 0.05), (1e-3, 0.1), (1e-4, 0.3)):
        assert np.mean(apart < found.distance_at(rate)) == pytest.approx(rate, rel=within)


PAIRS = 200_000
RANKS = (np.arange(PAIRS) + 0.5) / PAIRS
"""the rate that a pair stands for, nearest first: half of it is counted"""


def test_a_tail_that_is_a_line_is_given_back_as_that_line() -> None:
    rates = _levels(PAIRS)
    found = _distances(2.0 + 0.1 * np.log(RANKS), rates)
    assert rates[0] == pytest.approx(3 / PAIRS)
    np.testing.assert_allclose(found, 2.0 + 0.1 * np.log(rates), atol=3e-5)
    np.testing.assert_allclose(
        found[rates <= TAIL_RATE], 2.0 + 0.1 * np.log(rates[rates <= TAIL_RATE]), atol=1e-9
    )


def test_a_tail_that_no_rising_quadratic_fits_is_a_line_that_rises() -> None:
    far = np.log(1.05 * TAIL_RATE / RANKS)
    found = _distances(
        np.where(far > 0, 1.0 - np.sqrt(np.maximum(far, 0.0) / 20), 1.0 - 0.2 * far), _levels(PAIRS)
    )
    tail = np.diff(found)[_levels(PAIRS)[1:] <= TAIL_RATE]
    np.testing.assert_allclose(tail, tail[0], atol=1e-4)
    assert tail[0] > 0.01


def test_of_more_people_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MAX_PEOPLE", 150)
    vectors, people = crowd(200)
    found = measure_strangers(vectors, people, "m", "crowd")
    assert (found.people, found.pairs) == (200, 150 * 149 // 2)
    assert found == measure_strangers(vectors, people, "m", "crowd")


def test_one_photo_a_person_and_not_too_many_of_one() -> None:
    vectors, people = crowd(MIN_PEOPLE, photos=MAX_PHOTOS + 3)
    found = measure_strangers(vectors, people, "m", "crowd")
    assert found.pairs == MIN_PEOPLE * (MIN_PEOPLE - 1) / 2
    assert found.same_pairs == MIN_PEOPLE * MAX_PHOTOS * (MAX_PHOTOS - 1) / 2
    assert found.same_distances[-1] < found.distances[0] + 0.5
    assert found.recognised(found.same_distances[9]) == pytest.approx(0.5)


def test_the_order_of_photos_of_different_people_does_not_matter() -> None:
    vectors, people = crowd(120, photos=2)
    order = np.concatenate([np.arange(0, 240, 2), np.arange(1, 240, 2)])
    again = measure_strangers(vectors[order], [people[row] for row in order], "m", "crowd")
    assert again == measure_strangers(vectors, people, "m", "crowd")


def test_too_few_people_are_refused() -> None:
    vectors, people = crowd(MIN_PEOPLE - 1)
    with pytest.raises(EvaluationError, match=f"at least {MIN_PEOPLE} people with a face each, got 99"):
        measure_strangers(vectors, people, "m", "crowd")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    vectors, people = crowd(150, photos=2)
    found = measure_strangers(vectors, people, "m", "Crowd – größer")
    path = tmp_path / "new" / "m.json"
    found.write(path)
    again = Strangers.read(path)
    assert (again.model_id, again.source, again.pairs) == ("m", "Crowd – größer", found.pairs)
    assert again.distances == pytest.approx(found.distances, abs=1e-4)
    assert again.rates == pytest.approx(found.rates, rel=1e-3)
    assert [file.name for file in path.parent.iterdir()] == ["m.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"strangers": [], "one_person": []}',
        '{"strangers": 5, "one_person": []}',
    ],
)
def test_a_file_of_something_else_says_how_to_make_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=r"m\.json holds no statistics of strangers; make it anew with"):
        Strangers.read(path)


@pytest.mark.parametrize("wrong", [{"people": "many"}, {"pairs": 0.5}, {"photos": True}, {"model_id": None}])
def test_a_file_edited_by_hand_says_how_to_make_it_anew(tmp_path: Path, wrong: dict[str, object]) -> None:
    path = tmp_path / "m.json"
    SIMPLE.write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(CatalogueError, match="holds no statistics of strangers; make it anew with"):
        Strangers.read(path)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"cannot be read \(No such file.*calibrate --strangers"):
        Strangers.read(tmp_path / "m.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"rates": (1e-2, 1e-3, 1e-1)},
        {"distances": (1.0, 1.5, 1.2)},
        {"rates": (1e-3, 1e-2)},
        {"rates": (0.0, 1e-2, 1e-1)},
        {"same_shares": (0.5,)},
        {"distances": (1.0, 1.0, 1.0)},
        {"distances": (1.0, math.nan, 1.5)},
        {"distances": (math.nan, math.nan, math.nan)},
        {"distances": (100.0, 120.0, 150.0)},
        {"distances": (1.0, 1.2, math.inf)},
        {"rates": (1e-3, math.nan, 1e-1)},
        {"same_shares": (0.5, 7.0)},
        {"same_distances": (-3.0, 1.0)},
        {"same_distances": (math.nan, 1.0)},
    ],
)
def test_a_curve_that_is_none_is_refused(wrong: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(ValueError, match="must"):
        replace(SIMPLE, **wrong)  # type: ignore[arg-type]


def test_the_statistics_that_ship_are_of_the_model_that_ships_and_hold_no_vector() -> None:
    model = read_catalogue(SHIPPED.parents[1] / "models.yaml").model("facenet-20180408")
    assert model.strangers is not None
    assert model.strangers.resolve() == SHIPPED
    shipped = Strangers.read(SHIPPED)
    assert shipped.model_id == model.model_id
    assert shipped.pairs > 1_000_000
    rows = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert {len(row) for key in ("strangers", "one_person") for row in rows[key]} == {2}
    assert SHIPPED.stat().st_size < 4096
