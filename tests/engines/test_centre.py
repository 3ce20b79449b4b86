"""The centre: read from its file, refused where it is none, and what taking it off does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.centre import uncentred
from engines.backends.fake import fake_embedder
from engines.centre import read_centre
from engines.errors import CatalogueError
from engines.zoo.catalogue import Catalogue
from pipeline.embedding.embedder import Embedder, unit_length


def written(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_centre_is_read(tmp_path: Path) -> None:
    centre = read_centre(written(tmp_path / "c.json", {"centre": [0.1, -0.2]}), 2)
    assert centre.dtype == np.float32
    np.testing.assert_allclose(centre, [0.1, -0.2], atol=1e-7)


@pytest.mark.parametrize(
    "value",
    [
        {"centre": [0.1]},
        {"centre": [1.0, 1.0]},
        {"centre": ["a", "b"]},
        {"centre": [0.1, float("nan")]},
        {"middle": [0.1, 0.2]},
        [0.1, 0.2],
        None,
    ],
)
def test_what_is_no_centre_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(CatalogueError, match=r"c\.json"):
        read_centre(written(tmp_path / "c.json", value), 2)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        read_centre(tmp_path / "c.json", 2)
    (tmp_path / "c.json").write_text('{"centre": [0.1, ', encoding="utf-8")
    with pytest.raises(CatalogueError, match="holds no centre"):
        read_centre(tmp_path / "c.json", 2)


def test_the_shipped_centre_fits_its_model(catalogue: Catalogue) -> None:
    model = catalogue.model("facenet-20180408")
    assert model.centre is not None
    assert model.dimension is not None
    assert 0.1 < np.linalg.norm(read_centre(model.centre, model.dimension)) < 0.3
    assert model.model_id.endswith("-centred")


def test_an_embedder_takes_the_centre_off() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    with fake_embedder(8) as engine:
        plain = Embedder(engine, "m", 2).embed(crops)
        centre = np.full(plain.shape[1], 0.02, np.float32)
        centred = Embedder(engine, "m", 2, centre).embed(crops)
    np.testing.assert_allclose(centred, unit_length(plain - centre), atol=1e-6)
    np.testing.assert_allclose(uncentred(centred, centre), plain, atol=1e-5)
