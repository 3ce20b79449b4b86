"""Spoiled photos: what each level does to the pixels, and that the photo given stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from engines.arrays import F32, U8
from engines.evaluation.degrade import DEFECTS, MASK_RGB, REGION_SHARE, Defect, region_side

BOX = np.array([60, 40, 120, 120], np.float32)


def photo() -> U8:
    """(160, 180, 3) smooth, with an edge through the face."""
    rows, columns = np.mgrid[0:160, 0:180]
    image = np.stack([rows, columns, (rows + columns) // 2], axis=2).astype(np.uint8)
    image[:, 90:] = 255 - image[:, 90:]
    return image


def defect(name: str) -> Defect:
    return next(each for each in DEFECTS if each.name == name)


def spoil(name: str, level: float, box: F32 = BOX, seed: int = 0) -> U8:
    return defect(name).spoil(photo(), box, level, np.random.default_rng(seed))


@pytest.mark.parametrize("each", DEFECTS, ids=lambda each: each.name)
def test_every_level_gives_a_photo_and_leaves_the_given_one_alone(each: Defect) -> None:
    given = photo()
    for level in each.levels:
        spoiled = each.spoil(given, BOX, level, np.random.default_rng(0))
        assert spoiled.dtype == np.uint8
        assert spoiled.ndim == 3
        np.testing.assert_array_equal(given, photo())


@pytest.mark.parametrize("name", ["jpeg", "blur", "dark", "noise", "mask", "tilt"])
def test_a_stronger_level_changes_more(name: str) -> None:
    levels = defect(name).levels
    changes = [np.abs(spoil(name, level).astype(int) - photo()).mean() for level in (levels[0], levels[-1])]
    assert 0 < changes[0] < changes[1]


def test_the_face_region_is_shrunk_to_the_side_asked_for_and_never_enlarged() -> None:
    assert region_side(BOX) == pytest.approx(REGION_SHARE * (60 * 80) ** 0.5)
    assert spoil("size", 256).shape == (160, 180, 3)
    small = spoil("size", 30)
    scale = small.shape[0] / 160
    assert region_side(BOX * np.float32(scale)) == pytest.approx(30, rel=0.02)
    assert spoil("size", 0.1).shape == (1, 1, 3)


def test_a_stop_is_half_the_light() -> None:
    light = (photo() / 255.0) ** 2.2
    np.testing.assert_allclose((spoil("dark", 1) / 255.0) ** 2.2, light / 2, atol=0.006)


def test_noise_is_about_the_brightness_it_was_and_repeats_by_seed() -> None:
    noisy = spoil("noise", 4)
    assert np.mean(noisy) == pytest.approx(np.mean(photo()), rel=0.05)
    np.testing.assert_array_equal(noisy, spoil("noise", 4))
    assert np.any(noisy != spoil("noise", 4, seed=1))


def test_a_mask_covers_the_lower_part_of_the_box_and_nothing_else() -> None:
    covered = spoil("mask", 50)
    np.testing.assert_array_equal(covered[80:121, 60:121], np.broadcast_to(MASK_RGB, (41, 61, 3)))
    np.testing.assert_array_equal(covered[:80], photo()[:80])


def test_sunglasses_lie_on_the_eyes() -> None:
    changed = np.any(spoil("sunglasses", 36) != photo(), axis=2)
    ys, xs = np.nonzero(changed)
    assert 60 < ys.min() < ys.max() < 82
    assert 62 < xs.min() < 75 < 104 < xs.max() < 118


def test_a_tilt_turns_about_the_middle_of_the_face() -> None:
    image = np.zeros((160, 180, 3), np.uint8)
    image[60:64, 88:92] = 255
    turned = defect("tilt").spoil(image, BOX, 90.0, np.random.default_rng(0))
    ys, xs = np.nonzero(turned[..., 0] > 128)
    # 18 px above the middle (90, 80) goes 18 px to the left of it
    assert abs(xs.mean() - 72) < 1.5
    assert abs(ys.mean() - 80) < 1.5


def test_blur_is_as_wide_for_the_face_in_any_photo() -> None:
    sharp = np.zeros((160, 180, 3), np.uint8)
    sharp[:, 90:] = 255
    large = np.repeat(np.repeat(sharp, 2, axis=0), 2, axis=1)
    blur = defect("blur").spoil
    small, twice = (
        blur(image, box, 3.0, np.random.default_rng(0))[size // 2, :, 0].astype(float)
        for image, box, size in ((sharp, BOX, 160), (large, BOX * 2, 320))
    )
    np.testing.assert_allclose(twice.reshape(-1, 2).mean(axis=1), small, atol=4)
    side = region_side(BOX)
    at_sigma = np.interp(90 + 0.03 * side, np.arange(180) + 0.5, small) / 255
    assert at_sigma == pytest.approx(0.841, abs=0.02), "an edge one sigma away is at Phi(1)"
