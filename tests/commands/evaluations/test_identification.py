"""`evaluate identification`: drawn galleries through the product's own search and rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.schema import Config, Matching
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.gallery_split import split_gallery
from engines.evaluation.identification import NOBODY
from pipeline.commands.evaluations.gallery_search import NamingRule, enrolled, search_all
from pipeline.commands.evaluations.identification import run_identification
from pipeline.commands.evaluations.identification_report import Plan, exponent
from pipeline.gallery.decision import decide
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.types import Candidate
from tests.commands.painted_photos import make
from tests.engines.evaluation.face_sets import made_set

PLAN = Plan(people=12, templates=1, draws=3, seed=0)
RULE = NamingRule(max_distance=0.9, min_margin=0.1)


def people_set(people: int = 24, photos: int = 3, found: list[bool] | None = None) -> FaceSet:
    names = [f"p{person:02}/{photo}.jpg" for person in range(people) for photo in range(photos)]
    return made_set(names, found=found)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("index", INDEXES)
def test_searches_are_those_of_all_distances(index: str) -> None:
    faces = people_set()
    split = split_gallery(faces, 12, 1, seed=0)
    found = search_all(enrolled(faces, split, None, index), faces, split, RULE)
    distances = 2.0 - 2.0 * faces.vectors[split.probes] @ faces.vectors[split.templates].T
    owners = faces.person_numbers[split.templates]
    for row, near in enumerate(distances):
        order = np.argsort(near)[:10]
        assert found.people[row].tolist() == owners[order].tolist()
        assert found.distances[row] == pytest.approx(near[order], abs=1e-5)
        two = [Candidate(str(owners[place]), "", float(near[place])) for place in order[:2]]
        identity = decide(two, RULE.max_distance, RULE.min_margin).identity
        assert found.named[row] == (NOBODY if identity is None else int(identity.person_id))
    assert np.array_equal(found.mates, split.mates)


def test_a_probe_without_a_face_finds_nobody() -> None:
    seen = [number % 5 != 4 for number in range(72)]
    faces = people_set(found=seen)
    split = split_gallery(faces, 12, 1, seed=0)
    found = search_all(enrolled(faces, split, None, "exact"), faces, split, RULE)
    blind = ~faces.found[split.probes]
    assert blind.sum() == 14
    assert np.all(found.people[blind] == NOBODY)
    assert np.all(found.named[blind] == NOBODY)
    assert np.all(found.people[~blind, 0] != NOBODY)


def test_distractors_fill_the_gallery_and_are_nobodys_mates() -> None:
    faces, others = people_set(), made_set([f"x{number}/0.jpg" for number in range(30)] + ["p03/9.jpg"])
    others = others.without(set(faces.people))
    split = split_gallery(faces, 12, 1, seed=0)
    replica = enrolled(faces, split, others, "exact")
    assert len(replica) == 12 + 30
    found = search_all(replica, faces, split, RULE)
    own = set(range(24))
    assert {int(person) for person in found.people.ravel()} - own == set(range(24, 54))
    assert set(found.mates.tolist()) - {NOBODY} <= own


def test_an_approximate_index_approximates_from_the_first_template() -> None:
    always = choose_index("hnsw", 8, always_approximate=True)
    assert isinstance(always, HnswIndex)
    always.add(np.array([1]), np.eye(1, 8, dtype=np.float32))
    assert not always.exact
    usual = choose_index("hnsw", 8)
    usual.add(np.array([1]), np.eye(1, 8, dtype=np.float32))
    assert isinstance(usual, HnswIndex)
    assert usual.exact


def test_a_line_an_index_then_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_identification(make(tmp_path, json=True), people_set(), None, PLAN)
    *indexes, end = lines(capsys.readouterr().out)
    assert [each["index"] for each in indexes] == sorted(INDEXES, key=lambda kind: kind != "exact")
    exact = indexes[0]
    assert exact["dir_at_rank_1"] == exact["dir_at_rank_10"] == 1.0  # made-up people are far apart
    assert exact["fnir_at_fpir_1e-2"] == 1.0 - exact["dir_at_fpir_1e-2"] == 0.0
    assert exact["mates_lost"] == 0.0
    assert {key: value for key, value in exact.items() if key != "index"}.items() <= end.items()
    assert end["gallery_people"] == end["gallery_templates"] == 12
    assert (end["mated_searches"], end["non_mated_searches"]) == (24.0, 36.0)
    assert (end["people"], end["photos"], end["draws"], end["rule_max_fpir"]) == (24, 72, 3, 0.01)


def test_the_configured_distance_is_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = replace(make(tmp_path, json=True), config=Config(matching=Matching(max_distance=0.0)))
    run_identification(context, people_set(), None, PLAN)
    end = lines(capsys.readouterr().out)[-1]
    assert (end["rule_max_fpir"], end["rule_max_distance"]) == (None, 0.0)
    assert (end["rule_fpir"], end["rule_fnir"], end["rule_misnamed"]) == (0.0, 1.0, 0.0)


def test_the_table_and_the_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = made_set([f"x{number}/0.jpg" for number in range(8)])
    plot = tmp_path / "det.png"
    run_identification(make(tmp_path), people_set(), others, replace(PLAN, draws=1), plot)
    printed = capsys.readouterr()
    assert "20 people enrolled with 20 templates, 8 of them to fill the gallery" in printed.out
    assert "FNIR at FPIR 0.3%" in printed.out
    assert "±" not in printed.out.split("hnsw", 1)[1]  # one draw has no spread
    assert "fewer than 334 non-mated searches" in printed.err
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_set_of_strangers_has_no_mated_search(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="nobody enrolled has a further photo"):
        run_identification(make(tmp_path), people_set(photos=1), None, PLAN)
    with pytest.raises(EvaluationError, match="needs more than 24 people"):
        run_identification(make(tmp_path), people_set(), None, replace(PLAN, people=24))


def test_distractors_who_are_in_the_set_are_none(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"--distractors: nobody of them .* give others"):
        run_identification(make(tmp_path), people_set(), people_set(), PLAN)


@pytest.mark.parametrize(("rate", "name"), [(0.003, "3e-3"), (0.01, "1e-2"), (0.1, "1e-1")])
def test_rates_as_keys_have_them(rate: float, name: str) -> None:
    assert exponent(rate) == name
