"""Several sources as one."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.training.joined_source import JoinedSource
from engines.training.sources import FeatureSource


def part(begin: int, count: int) -> FeatureSource:
    """Faces whose only feature is their number."""
    numbers = np.arange(begin, begin + count)
    return FeatureSource(numbers[:, None].astype(np.float32), numbers // 2)


JOINED = JoinedSource([part(0, 3), part(3, 1), part(4, 4)])


@given(rows=st.lists(st.integers(0, 7), max_size=12))
def test_rows_come_back_in_the_order_asked_for(rows: list[int]) -> None:
    if not rows:
        return
    asked = np.array(rows, np.int64)
    for found in (JOINED.plain(asked), JOINED.inputs(asked, np.random.default_rng(0))):
        assert torch.equal(found[:, 0], torch.tensor(rows, dtype=torch.float32))


def test_people_stand_behind_each_other() -> None:
    assert JOINED.people.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_fingerprint_is_of_all_parts_in_their_order() -> None:
    one, two = JoinedSource([part(0, 3), part(4, 4)]), JoinedSource([part(4, 4), part(0, 3)])
    assert len({JOINED.fingerprint, one.fingerprint, two.fingerprint}) == 3
    assert one.fingerprint == JoinedSource([part(0, 3), part(4, 4)]).fingerprint
