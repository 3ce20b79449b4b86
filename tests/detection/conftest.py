"""The real detector and a real photo, for the tests that ask for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.backends.choose import choose
from engines.prepare import prepare
from engines.zoo.catalogue import Catalogue, read_catalogue
from pipeline.arrays import U8
from pipeline.detection.centerface import CenterFace


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The models that ship with the project."""
    return read_catalogue(Path(__file__).parents[2] / "config" / "models.yaml")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where `make models` puts the real model files."""
    return Path(os.environ.get("FACESTREAM_MODELS") or "models")


@pytest.fixture(scope="session")
def centerface(catalogue: Catalogue, models_dir: Path) -> Iterator[CenterFace]:
    """CenterFace at its default operating point."""
    with prepare("centerface", catalogue, models_dir, choose()).engine as engine:
        yield CenterFace(engine, 960, low_score=0.5, max_iou=0.3)


@pytest.fixture(scope="session")
def two_people() -> U8:
    """A photo with two people (H, W, 3) RGB."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if not folder:
        pytest.skip("FACESTREAM_TEST_DATA is not set")
    image = cv2.imread(str(Path(folder) / "people" / "two_people.jpg"))
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)
