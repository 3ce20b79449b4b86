"""Sources: what a network is shown, in the numbers it takes, and the name by which a run knows its data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.arrays import F32, I64, U8
from engines.errors import TrainingError
from engines.training.augment import USUAL
from engines.training.sources import CropSource, FaceSource, FeatureSource

PEOPLE = np.array([0, 0, 1, 1, 2], np.int64)


def crops() -> U8:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def features(views: int = 3) -> F32:
    return np.random.default_rng(1).normal(size=(5, views, 7)).astype(np.float32)


def rows(*values: int) -> I64:
    return np.array(values, np.int64)


def sources() -> dict[str, FaceSource]:
    return {"crops": CropSource(crops(), PEOPLE, 24, USUAL), "features": FeatureSource(features(), PEOPLE)}


@pytest.mark.parametrize("name", sources())
def test_a_source_keeps_the_protocol(name: str) -> None:
    source = sources()[name]
    asked = rows(4, 0, 0)

    first, again = (source.inputs(asked, np.random.default_rng(5)) for _ in range(2))

    assert first.dtype == torch.float32
    assert len(first) == len(source.plain(asked)) == 3
    assert first.shape == source.plain(asked).shape
    assert torch.equal(first, again)
    assert any(
        not torch.equal(first, source.inputs(asked, np.random.default_rng(seed))) for seed in range(20)
    )
    assert torch.equal(source.plain(asked)[0], source.plain(rows(4))[0])
    np.testing.assert_array_equal(source.people, PEOPLE)


def test_crops_are_standardised_planes() -> None:
    source = CropSource(crops(), PEOPLE, 32)

    wanted = (crops()[[2]].transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 128.0
    np.testing.assert_array_equal(source.plain(rows(2)).numpy(), wanted)
    np.testing.assert_array_equal(source.inputs(rows(2), np.random.default_rng(0)).numpy(), wanted)


@pytest.mark.parametrize("side", [16, 48])
def test_crops_get_the_networks_side(side: int) -> None:
    assert CropSource(crops(), PEOPLE, side).plain(rows(0, 1)).shape == (2, 3, side, side)


def test_views_are_drawn_evenly_and_the_first_is_plain() -> None:
    source = FeatureSource(features(), PEOPLE)
    drawn = source.inputs(np.zeros(3000, np.int64), np.random.default_rng(0)).numpy()
    counts = [int((drawn == view).all(axis=1).sum()) for view in features()[0]]

    assert sum(counts) == 3000
    assert all(900 < count < 1100 for count in counts)
    np.testing.assert_array_equal(source.plain(rows(3)).numpy(), features()[[3], 0])
    np.testing.assert_array_equal(FeatureSource(features()[:, 0], PEOPLE).plain(rows(3)), features()[[3], 0])


def test_only_the_chosen_rows_are_there() -> None:
    source = CropSource(crops(), PEOPLE, 32, rows=rows(4, 1))

    assert source.people.tolist() == [2, 0]
    assert torch.equal(source.plain(rows(0)), CropSource(crops(), PEOPLE, 32).plain(rows(4)))


def test_a_file_that_is_mapped_is_as_good_as_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "crops.npy", crops())
    mapped = CropSource(np.load(tmp_path / "crops.npy", mmap_mode="r"), PEOPLE, 32)

    assert mapped.fingerprint == CropSource(crops(), PEOPLE, 32).fingerprint
    assert torch.equal(mapped.plain(rows(1)), CropSource(crops(), PEOPLE, 32).plain(rows(1)))


def test_the_fingerprint_is_of_pixels_people_rows_and_changes() -> None:
    other = crops()
    other[2, 3, 4, 0] ^= 1
    found = [
        CropSource(crops(), PEOPLE, 32).fingerprint,
        CropSource(other, PEOPLE, 32).fingerprint,
        CropSource(crops(), PEOPLE[::-1].copy(), 32).fingerprint,
        CropSource(crops(), PEOPLE, 32, rows=rows(0, 1, 2)).fingerprint,
        CropSource(crops(), PEOPLE, 32, USUAL).fingerprint,
        CropSource(crops(), PEOPLE, 24).fingerprint,
    ]
    assert len(set(found)) == len(found)
    assert found[0] == CropSource(crops(), PEOPLE, 32).fingerprint
    assert found[0].startswith("5 faces of 3 people")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"crops must be uint8 \(M, S, S, 3\)"):
        CropSource(crops()[:, :, :20], PEOPLE, 32)
    with pytest.raises(TrainingError, match=r"people must be \(5,\)"):
        CropSource(crops(), PEOPLE[:4], 32)
    with pytest.raises(TrainingError, match="features must be float32"):
        FeatureSource(features().astype(np.float64), PEOPLE)
    with pytest.raises(TrainingError, match="rows must be from 0 to 4"):
        FeatureSource(features(), PEOPLE, rows(5))
