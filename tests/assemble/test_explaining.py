"""A sighting explained by the run that has it open, or from what was kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.schema import Config, Matching
from pipeline.assemble.explaining import account_kept, explained, threshold_from
from pipeline.events.event import IdentityEvent
from pipeline.events.why.account import account_of
from pipeline.events.why.explanation import encode, explain
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from tests.events.strategies import an_event
from tests.events.why.test_shortfall import SEEN, look
from tests.gallery.made_sightings import sighting

FAR = explain(replace(SEEN, nearest=(replace(SEEN.nearest[0], distance=1.4),)), named=False)
BLURRED = explain(replace(SEEN, best=look(sharpness=0.05), shots=0, nearest=()), named=False)
ID = sighting(1).sighting_id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        Sightings(opened.database).write([replace(sighting(1, over=False), explanation=encode(FAR))])
        yield opened


def nothing_open(sighting_id: str) -> None:
    return None


def open_now(sighting_id: str) -> IdentityEvent | None:
    return replace(an_event(who=None), explanation=BLURRED) if sighting_id == ID else None


def test_what_the_run_knows_comes_first(store: Store) -> None:
    now = explained(Config(), store.database, ID, open_now)
    kept = explained(Config(), store.database, ID, nothing_open)
    assert now is not None
    assert kept is not None
    assert (now["reason"], kept["reason"]) == ("blurred", "too_far")


def test_nobody_knows_of_it(store: Store) -> None:
    assert explained(Config(), store.database, "door:k3f9:99", open_now) is None
    assert account_kept(store.database, "door:k3f9:99") is None


def test_where_the_threshold_came_from() -> None:
    account = account_of(replace(an_event(who=None), explanation=FAR))
    given = Config(matching=Matching(max_distance=1.0))
    other = Config(matching=Matching(max_distance=0.8))
    said = [threshold_from(config, account) for config in (given, other, Config())]
    assert said[0] == "matching.max_distance gives it"
    assert said[1] is not None
    assert said[1].startswith("not what matching.max_distance gives now")
    assert said[2] is not None
    assert said[2].startswith("derived from matching.max_fpir, now 0.01")
    assert threshold_from(given, replace(account, explanation=None)) is None
