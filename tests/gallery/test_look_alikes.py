"""New people who look like others, against a plain loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.gallery.look_alikes import look_alikes
from pipeline.gallery.memory.contents import Contents
from pipeline.gallery.storage.records import NewPerson
from pipeline.gallery.storage.store import Store
from tests.gallery.people import MODEL, template


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    """Twenty people of whom every second looks like the one before."""
    with Store(tmp_path) as store:
        store.enroll_many(
            [
                NewPerson(
                    f"P{number:02}", tuple(template(number // 2, shot) for shot in (number, 40 + number))
                )
                for number in range(20)
            ]
        )
        return store.contents(MODEL)


@pytest.mark.parametrize("in_memory", [1, 100, 1 << 24])
def test_each_pair_once_as_a_loop_finds_them(
    contents: Contents, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.look_alikes.IN_MEMORY", in_memory)
    new = {one.id for one in contents.people if one.name < "P10"}
    expected = set()
    for row, owner in enumerate(contents.person_ids):
        if owner in new:
            squared = np.sum((contents.vectors - contents.vectors[row]) ** 2, axis=1)
            squared[[other == owner for other in contents.person_ids]] = np.inf
            nearest = int(np.argmin(squared))
            if squared[nearest] < 0.8:
                expected.add(frozenset((owner, contents.person_ids[nearest])))
    found = look_alikes(contents, new, 0.8)
    assert {frozenset((pair.a, pair.b)) for pair in found} == expected
    assert len(found) == len(expected) == 5
    assert [pair.distance for pair in found] == sorted(pair.distance for pair in found)


def test_nobody_new_and_nobody_at_all(contents: Contents, tmp_path: Path) -> None:
    assert look_alikes(contents, set(), 4.0) == ()
    with Store(tmp_path / "empty") as store:
        assert look_alikes(store.contents(MODEL), {"p_0123456789ab"}, 4.0) == ()
