"""The crop benchmark's parts, on painted photos; and its coefficients against those that ship."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._crop_fit import Sample, fit, overlap
from benchmarks._crop_kinds import SHIPPED, SIMILARITY, Shown, crop_kinds, mean_template, shipped_rule
from benchmarks.crop import main
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.box_fit import BoxTransform
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.errors import BadInputError
from pipeline.types import Faces
from tests.alignment.test_box_fit import identity, random_faces


def samples_of(transform: BoxTransform, people: int = 120) -> list[Sample]:
    samples = []
    for seed in range(people):
        faces = random_faces(7, seed)
        samples.append(Sample(f"person {seed}", faces, transform.apply(faces)))
    return samples


def test_the_fit_is_checked_on_people_it_has_not_seen() -> None:
    truth = BoxTransform(identity().coefficients * 0.9)
    samples = samples_of(truth)
    seen = [sample for sample in samples if not sample.held_out]
    assert 0.05 < 1 - len(seen) / len(samples) < 0.4

    fitted = fit(seen)

    assert overlap(samples, fitted.apply) > 0.99
    assert overlap(samples, identity().apply) == pytest.approx(0.81, abs=0.01)


def test_the_similarity_crop_puts_landmarks_on_the_template() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    landmarks = np.array([(120, 120), (170, 125), (146, 150), (125, 175), (165, 178)], np.float32)
    for x, y in landmarks.astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    box = np.array([[95, 75, 195, 205]], np.float32)
    face = Faces(box, landmarks[None], np.ones(1, np.float32))
    template = mean_template([Sample("Ann", face, box)], shipped_rule(identity()))
    (kind,) = (kind for kind in crop_kinds(identity(), template) if kind.name == SIMILARITY)

    (crop,) = kind.crop(Shown(image, face, face))

    for x, y in template.round().astype(int):
        assert crop[y - 6 : y + 7, x - 6 : x + 7].max() > 128


def test_what_ships_is_among_the_kinds_and_crops_nothing_of_nobody() -> None:
    kinds = {kind.name: kind for kind in crop_kinds(identity(), np.zeros((5, 2), np.float32))}
    nobody = Shown(np.zeros((50, 50, 3), np.uint8), Faces.none(), Faces.none())

    assert SHIPPED in kinds
    assert {kind.crop(nobody).shape for kind in kinds.values()} == {(0, 160, 160, 3)}


def test_the_shipped_transform_makes_boxes_like_boxes() -> None:
    crop = read_catalogue(CATALOGUE_FILE).model("centerface").crop
    assert crop is not None
    transform = BoxTransform(np.array(crop.coefficients))
    boxes = np.array([[100, 100, 180, 205]], np.float32)
    frontal = np.array([[(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.34, 0.77), (0.66, 0.77)]], np.float32)
    face = Faces(boxes, 100 + frontal * np.array([80, 105], np.float32), np.ones(1, np.float32))

    np.testing.assert_allclose(transform.apply(face), boxes, atol=8)


def test_without_data_it_says_how_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESTREAM_TEST_DATA", raising=False)

    with pytest.raises(BadInputError, match="--data or FACESTREAM_TEST_DATA"):
        main([])
