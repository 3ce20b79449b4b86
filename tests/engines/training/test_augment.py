"""Changed crops: each change does what it says, by chance that a seed repeats."""

from __future__ import annotations

import numpy as np
import pytest

from engines.arrays import U8
from engines.errors import TrainingError
from engines.training.augment import PLAIN, USUAL, Augmentation, augmented

SIDE = 64


@pytest.fixture
def crop() -> U8:
    """A smooth picture that no mirror leaves alone."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return np.stack([x * 3 + 20, y * 2 + 40, (x + y) + 30], axis=2).astype(np.uint8)


def changed(crop: U8, how: Augmentation, seed: int = 0) -> U8:
    return augmented(crop, how, np.random.default_rng(seed))


def test_nothing_is_changed_by_default(crop: U8) -> None:
    assert changed(crop, PLAIN) is crop


def test_the_mirror_is_exact(crop: U8) -> None:
    np.testing.assert_array_equal(changed(crop, Augmentation(mirror=1.0)), crop[:, ::-1])


@pytest.mark.parametrize(
    ("how", "least", "most"),
    [
        (Augmentation(shift=0.1), 0.5, 15.0),
        (Augmentation(scale=0.2), 0.5, 15.0),
        (Augmentation(brightness=0.2), 1.0, 52.0),
        (Augmentation(contrast=0.5), 1.0, 40.0),
        (Augmentation(jpeg=1.0, jpeg_quality=10), 0.1, 8.0),
        (Augmentation(shrink=1.0, shrink_to=0.2), 0.1, 8.0),
        (Augmentation(blur=1.0), 0.0, 3.0),
        (Augmentation(erase=1.0), 0.5, 20.0),
        (USUAL, 1.0, 80.0),
    ],
    ids=lambda value: str(value) if isinstance(value, Augmentation) else "",
)
def test_each_changes_a_crop_somewhat_and_leaves_the_given_one(
    crop: U8, how: Augmentation, least: float, most: float
) -> None:
    before = crop.copy()
    found = [changed(crop, how, seed) for seed in range(12)]

    np.testing.assert_array_equal(crop, before)
    assert all(each.shape == crop.shape and each.dtype == np.uint8 for each in found)
    differences = [float(np.abs(each.astype(float) - crop).mean()) for each in found]
    assert least <= float(np.mean(differences)) <= most
    assert len({each.tobytes() for each in found}) > 1
    np.testing.assert_array_equal(changed(crop, how, 3), found[3])


def test_a_shift_is_at_most_what_was_asked(crop: U8) -> None:
    # The red channel rises by 3 a column, so its middle tells how far the crop went.
    middle = SIDE // 2
    for seed in range(50):
        moved = (int(changed(crop, Augmentation(shift=0.1), seed)[middle, middle, 0]) - 20) / 3 - middle
        assert abs(moved) <= 0.1 * SIDE + 1


def test_an_erased_share_is_grey_and_2_to_12_per_cent(crop: U8) -> None:
    for seed in range(30):
        grey = (changed(crop, Augmentation(erase=1.0), seed) == 127).all(axis=2).mean()
        assert 0.01 < grey < 0.14


def test_amounts_out_of_range_are_refused() -> None:
    for wrong in ({"mirror": 1.5}, {"shift": -0.1}, {"scale": 1.0}, {"jpeg_quality": 0}, {"shrink_to": 0.0}):
        with pytest.raises(TrainingError, match=next(iter(wrong))):
            Augmentation(**wrong)
