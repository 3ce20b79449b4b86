"""What the tests of capture share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def videos() -> Path:
    """The folder of real recordings; where FACESTREAM_REQUIRE promises data, its absence is a failure."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if folder is None:
        if "data" in os.environ.get("FACESTREAM_REQUIRE", "").split(","):
            pytest.fail("FACESTREAM_REQUIRE promises data, and FACESTREAM_TEST_DATA is not set")
        pytest.skip("FACESTREAM_TEST_DATA is not set")
    return Path(folder) / "video"
