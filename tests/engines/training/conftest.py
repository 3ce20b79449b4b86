"""What every test of training runs with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.training.small import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield
