"""LFW's protocol on two engines: one pass over the photos, and vectors of the reference that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32, U8
from engines.build.parity_lfw import STEP, kept_vectors, lfw_parity
from engines.build.parity_material import LfwMaterial
from engines.errors import BuildError
from engines.evaluation.lfw_pairs import Pairs
from engines.progress import Progress, ignore
from tests.engines.build.test_parity import embedder, lfw, random_crops


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "parity" / "lfw-tiny.npy"


def test_the_reference_runs_once(kept: Path) -> None:
    material, steps = lfw(random_crops()), list[Progress]()
    with embedder(0.0) as engine, embedder(0.0) as reference:
        first = lfw_parity(engine, reference, material, None, kept, steps.append)
        reference.close()
        second = lfw_parity(engine, reference, material, None, kept, ignore)

    assert first == second
    assert [(step.step, step.done, step.total) for step in steps] == [(STEP, 12, 12)]


@pytest.mark.parametrize("damaged", [b"\x93NUMPY", np.zeros((11, 6), np.float32), np.zeros((12, 6))])
def test_damaged_vectors_are_made_anew(kept: Path, damaged: bytes | F32) -> None:
    kept.parent.mkdir()
    if isinstance(damaged, bytes):
        kept.write_bytes(damaged)
    else:
        np.save(kept, damaged)
    with embedder(0.0) as engine, embedder(0.0) as reference:
        lfw_parity(engine, reference, lfw(random_crops()), None, kept, ignore)

    assert np.load(kept).shape == (12, 6)


def test_photos_that_cannot_be_read(kept: Path) -> None:
    whole = lfw(random_crops())
    material = LfwMaterial(whole.pairs, whole.names, "", lambda: iter([random_crops(10)]))
    with embedder(0.0) as engine, pytest.raises(BuildError, match="2 photos of LFW could not be read"):
        lfw_parity(engine, engine, material, None, kept, ignore)

    assert not kept.exists()


def test_kept_by_everything_that_vectors_depend_on(tmp_path: Path) -> None:
    def crops() -> Iterator[U8]:
        return iter(())

    pairs = Pairs((), (), np.zeros(0, np.bool_), np.zeros(0, np.int64))
    one, other = (LfwMaterial(pairs, (), how, crops) for how in ("one way", "another"))

    paths = {
        kept_vectors(tmp_path, "tiny", "a", one),
        kept_vectors(tmp_path, "tiny", "b", one),
        kept_vectors(tmp_path, "tiny", "a", other),
    }

    assert len(paths) == 3
