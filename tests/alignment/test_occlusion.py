"""The occlusion network: its arithmetic against torch, its weights' file, and that it sees what covers real faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from benchmarks._occluders import OCCLUDERS, Sitter, covered
from benchmarks._occlusion_fit import CLEAN, Samples, fit, network, write_weights
from engines.zoo.catalogue import Catalogue
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import CropRule
from pipeline.alignment.occlusion import WEIGHTS_FILE, normalised, read_net, shipped_net, shrunk
from pipeline.alignment.quality import COVERED, RATE, assess
from pipeline.arrays import U8
from pipeline.capture.photo import read_photo
from pipeline.detection.centerface import CenterFace
from pipeline.errors import BadInputError
from pipeline.types import Faces


def crops(count: int, side: int = 160) -> U8:
    chance = np.random.default_rng(5)
    coarse = chance.integers(0, 256, (count, 6, 6, 3), np.uint8)
    return np.stack([cv2.resize(each, (side, side)) for each in coarse]).astype(np.uint8)


def samples(count: int = 260) -> Samples:
    """Even faces, half of them with a bright lower half that costs 0.8."""
    chance = np.random.default_rng(1)
    small = chance.integers(90, 110, (count, 36, 36, 3), np.uint8)
    kind = np.arange(count) % 2 - 1
    small[kind != CLEAN, 18:] = 250
    cost = np.where(kind == CLEAN, 0.0, 0.8).astype(np.float32)
    return Samples(small, cost, kind, np.arange(count), np.ones(count, np.float32))


def test_numpy_computes_what_torch_does() -> None:
    net = network().eval()
    with np.load(WEIGHTS_FILE) as kept, torch.no_grad():
        names = [*(f"convolution{at}" for at in range(3)), "dense0", "dense1"]
        layers = [layer for layer in net if isinstance(layer, nn.Conv2d | nn.Linear)]
        for name, layer in zip(names, layers, strict=True):
            layer.weight.copy_(torch.from_numpy(kept[f"{name}.weight"].astype(np.float32)))
            assert layer.bias is not None
            layer.bias.copy_(torch.from_numpy(kept[f"{name}.bias"].astype(np.float32)))
        pixels = np.stack([normalised(shrunk(crop)) for crop in crops(8)]).transpose(0, 3, 1, 2)
        expected = net(torch.from_numpy(pixels.copy()))[:, 0].numpy()

    np.testing.assert_allclose(shipped_net().cost(crops(8)), expected, atol=1e-5)


def test_a_crop_is_judged_alike_in_any_company() -> None:
    together = shipped_net().cost(crops(5))

    alone = np.concatenate([shipped_net().cost(crop[None]) for crop in crops(5)])
    np.testing.assert_array_equal(together, alone)
    assert shipped_net().cost(crops(5)[:0]).shape == (0,)


def test_brightness_and_contrast_do_not_count() -> None:
    crop = (crops(4) * 0.4 + 60).astype(np.uint8)
    darker = np.rint(crop * 0.6).astype(np.uint8)

    np.testing.assert_allclose(shipped_net().cost(darker), shipped_net().cost(crop), atol=0.15)


def test_an_even_crop_is_not_blown_up() -> None:
    noise = np.random.default_rng(0).integers(-1, 2, (36, 36, 3))
    assert np.abs(normalised((120 + noise).astype(np.uint8))).max() < 0.3


def test_quality_has_what_the_network_says() -> None:
    costs = shipped_net().cost(crops(8))
    box = np.tile(np.array([0, 0, 100, 130], np.float32), (8, 1))
    faces = Faces(box, np.zeros((8, 5, 2), np.float32), np.ones(8, np.float32))
    found = assess(crops(8), faces).occlusion
    assert costs.max() > 0.4
    np.testing.assert_allclose(found, np.exp(-RATE * np.interp(costs, *np.array(COVERED).T)), rtol=1e-5)


def test_it_learns_and_repeats_itself(tmp_path: Path) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    for path in (first, second):
        write_weights(fit(samples(), epochs=5), path)
    cost = read_net(first).cost_of_small(samples().small)

    assert first.read_bytes() == second.read_bytes()
    assert np.mean(cost[1::2]) > 0.4 + np.mean(cost[::2])


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive"])
def test_a_broken_file_says_how_to_bring_it_back(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "occlusion.npz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match="bench occlusion --fit"):
        read_net(path)


@pytest.mark.models
@pytest.mark.data
def test_real_faces_are_free_and_their_covers_are_seen(
    photos: Path, centerface: CenterFace, catalogue: Catalogue
) -> None:
    crop = catalogue.model("centerface").crop
    assert crop is not None
    rule = CropRule(160, 0.0, 0.14, BoxTransform(np.array(crop.coefficients, np.float64)))
    chance = np.random.default_rng(2)
    images = [read_photo(photos / name) for name in ("obama.jpg", "biden.jpg")]
    faces = [best(centerface.detect([image])[0]) for image in images]
    sitters = [
        Sitter(image, face.boxes[0], face.landmarks[0]) for image, face in zip(images, faces, strict=True)
    ]
    for image, face, sitter, other in zip(images, faces, sitters, reversed(sitters), strict=True):
        assert assess(rule.crops(image, face), face).occlusion[0] > 0.95
        for kind in ("mask", "eyes", "side", "top"):
            assert kind in OCCLUDERS
            spoiled = covered(sitter, other, kind, chance)
            assert assess(rule.crops(spoiled, face), face).occlusion[0] < 0.7, kind


def best(faces: Faces) -> Faces:
    return faces.take(np.argsort(-faces.scores)[:1])
