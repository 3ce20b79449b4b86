"""What the tests of engines share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.zoo.catalogue import Catalogue, read_catalogue

CATALOGUE = Path(__file__).parents[2] / "config" / "models.yaml"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The models that ship with the project."""
    return read_catalogue(CATALOGUE)


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where `make models` puts the real model files."""
    return Path(os.environ.get("FACESTREAM_MODELS") or "models")
