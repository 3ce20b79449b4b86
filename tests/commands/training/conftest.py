"""A trainer of painted people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.training.painted_training import Trainer, opened_trainer, write_set
from tests.engines.training.small import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    """48 people with two photos each."""
    with opened_trainer(tmp_path) as opened:
        write_set(opened.photos)
        yield opened
