"""MTCNN: its pieces against plain loops, and the real cascade on a real photo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from benchmarks._networks import CASCADE
from engines.backends.base import TensorSpec
from engines.backends.choose import choose
from engines.backends.fake import FakeEngine
from engines.backends.openvino import OpenvinoEngine
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch
from pipeline.arrays import F64, U8
from pipeline.detection.centerface import CenterFace
from pipeline.detection.mtcnn import Mtcnn, patches, shifted, squared, suppress
from pipeline.errors import BadInputError
from pipeline.geometry import iou_matrix
from tests.detection.test_centerface import assert_faces_make_sense

ANY = (TensorSpec("images", ("n", "w", "h", 3)),)


def overlap(a: F64, b: F64, of_smaller: bool) -> float:
    """By counting pixels."""
    pixels = [
        {(x, y) for x in range(int(box[0]), int(box[2]) + 1) for y in range(int(box[1]), int(box[3]) + 1)}
        for box in (a, b)
    ]
    shared = len(pixels[0] & pixels[1])
    return shared / (min(map(len, pixels)) if of_smaller else len(pixels[0] | pixels[1]))


@pytest.mark.parametrize("of_smaller", [False, True])
def test_suppress_agrees_with_counting_pixels(of_smaller: bool) -> None:
    rng = np.random.default_rng(5)
    low = rng.integers(0, 20, (25, 2)).astype(np.float64)
    boxes = np.concatenate([low, low + rng.integers(4, 16, (25, 2))], axis=1)
    scores = rng.permutation(25) / 25.0

    keep: list[int] = []
    for row in np.argsort(-scores).tolist():
        if all(overlap(boxes[row], boxes[kept], of_smaller) <= 0.4 for kept in keep):
            keep.append(row)

    assert suppress(boxes, scores, 0.4, of_smaller=of_smaller).tolist() == keep


def test_suppress_of_nothing() -> None:
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []


def test_squared_keeps_centres_and_never_shrinks() -> None:
    boxes = np.array([[0.0, 0.0, 10.0, 20.0], [5.0, 5.0, 11.0, 7.0]])

    np.testing.assert_array_equal(squared(boxes), [[-5.0, 0.0, 15.0, 20.0], [5.0, 3.0, 11.0, 9.0]])


def test_shifted_counts_both_edges_of_a_side() -> None:
    moved = shifted(np.array([[10.0, 10.0, 19.0, 29.0]]), np.array([[0.1, 0.0, -0.1, 0.5]], np.float32))

    np.testing.assert_allclose(moved, [[11.0, 10.0, 18.0, 39.0]], rtol=1e-6)


def test_patches_have_x_first_and_black_outside() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = 200  # the right half
    boxes = np.array([[21.0, 9.0, 40.0, 28.0], [-9.0, 1.0, 10.0, 20.0], [100.0, 100.0, 119.0, 119.0]])

    (across, at_edge, outside) = patches(image, boxes, 20)

    np.testing.assert_array_equal(across[:10], 0.0)
    np.testing.assert_array_equal(across[10:], 200.0)
    np.testing.assert_array_equal(at_edge, 0.0)
    np.testing.assert_array_equal(outside, 0.0)
    white = patches(np.full((40, 60, 3), 255, np.uint8), boxes[1:2], 20)[0]
    np.testing.assert_array_equal(white[:10], 0.0)
    np.testing.assert_array_equal(white[10:], 255.0)


def test_an_image_smaller_than_any_face_needs_no_run() -> None:
    unused = FakeEngine(lambda inputs: {}, ANY, ())

    (faces,) = Mtcnn(unused, unused, unused).detect([np.zeros((19, 300, 3), np.uint8)])

    assert len(faces) == 0


def test_another_network_is_refused() -> None:
    engine = FakeEngine(
        lambda inputs: {"x": np.asarray(inputs["images"][..., :1], np.float32)},
        ANY,
        (TensorSpec("x", ("n", "w", "h", 1)),),
    )
    engine.open()

    with pytest.raises(BadInputError, match="not an MTCNN"):
        Mtcnn(engine, engine, engine).detect([np.zeros((40, 40, 3), np.uint8)])


@pytest.fixture(scope="module")
def mtcnn(catalogue: Catalogue, models_dir: Path) -> Iterator[Mtcnn]:
    """The real cascade."""
    files = fetch(catalogue.model("mtcnn"), ModelCache(models_dir))
    info = choose("openvino", "fp32").info
    with ExitStack() as close:
        proposal, refinement, output = (
            close.enter_context(OpenvinoEngine(file, (source,), outputs, info))
            for file, (source, outputs) in zip(files, CASCADE, strict=True)
        )
        yield Mtcnn(proposal, refinement, output)


@pytest.mark.models
@pytest.mark.data
def test_it_finds_whom_centerface_finds(mtcnn: Mtcnn, centerface: CenterFace, two_people: U8) -> None:
    (faces,) = mtcnn.detect([two_people])
    (others,) = centerface.detect([two_people])

    assert len(faces) == 2
    assert_faces_make_sense(faces)
    assert np.all(iou_matrix(faces.boxes, others.boxes).max(axis=1) > 0.7)


@pytest.mark.models
def test_noise_has_no_face(mtcnn: Mtcnn) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)

    assert len(mtcnn.detect([noise])[0]) == 0
