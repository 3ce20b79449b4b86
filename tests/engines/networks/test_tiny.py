"""The tiny network is tiny."""

from __future__ import annotations

from engines.networks.counting import counted
from engines.networks.tiny import Tiny


def test_size_and_cost() -> None:
    have = counted(Tiny(), 32)

    assert 150e3 < have.parameters < 250e3
    assert have.multiply_adds < 3e6
