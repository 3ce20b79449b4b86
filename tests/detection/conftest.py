"""A real photo, for the tests that ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.arrays import U8
from pipeline.capture.photo import read_photo


@pytest.fixture(scope="session")
def two_people(photos: Path) -> U8:
    """A photo with two people (H, W, 3) RGB."""
    return read_photo(photos / "two_people.jpg")
