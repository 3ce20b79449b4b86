"""CenterFace: decoding against painted maps, batching, and the real network on a real photo."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.base import TensorSpec
from engines.backends.fake import FakeEngine
from pipeline.arrays import U8
from pipeline.detection.centerface import CenterFace, Maps, decode
from pipeline.detection.letterbox import place
from pipeline.errors import BadInputError
from pipeline.types import Faces
from tests.detection.maps import INPUTS, Painted, PaintedNetwork, paint

FACE = Painted((40.0, 22.0, 81.0, 70.0), 0.875)


def black(width: int, height: int) -> U8:
    return np.zeros((height, width, 3), np.uint8)


def detector(network: PaintedNetwork, input_px: int = 960) -> CenterFace:
    return CenterFace(network.engine, input_px, low_score=0.3, max_iou=0.3)


def test_a_painted_face_is_found_where_it_was_painted() -> None:
    network = PaintedNetwork({(96, 128): [FACE]})

    (faces,) = detector(network).detect([black(128, 96)])

    np.testing.assert_allclose(faces.boxes, [FACE.box], atol=1e-3)
    np.testing.assert_allclose(faces.landmarks, [FACE.landmarks], atol=1e-3)
    assert faces.scores.tolist() == [0.875]


def test_faces_come_back_in_pixels_of_the_image() -> None:
    network = PaintedNetwork({(96, 128): [FACE]})

    (faces,) = detector(network, input_px=128).detect([black(512, 384)])

    np.testing.assert_allclose(faces.boxes, [np.multiply(FACE.box, 4)], atol=1e-2)
    np.testing.assert_allclose(faces.landmarks, [FACE.landmarks * 4], atol=1e-2)


def test_images_of_one_network_shape_share_a_run_and_answers_keep_their_order() -> None:
    network = PaintedNetwork({(32, 64): [Painted((2.0, 2.0, 18.0, 22.0))]})

    found = detector(network).detect([black(64, 32), black(32, 64), black(63, 31), black(30, 60)])

    assert network.shown == [(2, 32, 64, 3), (2, 64, 32, 3)]
    assert [len(faces) for faces in found] == [1, 0, 1, 0]


def test_no_images_need_no_run() -> None:
    network = PaintedNetwork({})

    assert detector(network).detect([]) == []
    assert network.shown == []


def test_weak_cells_and_overlapping_boxes_are_dropped_best_first() -> None:
    strong, beside, weak = (
        Painted((10.0, 10.0, 50.0, 50.0), 0.9),
        Painted((14.0, 12.0, 54.0, 52.0), 0.6),
        Painted((70.0, 10.0, 100.0, 50.0), 0.2),
    )
    other = Painted((70.0, 60.0, 100.0, 90.0), 0.95)
    network = PaintedNetwork({(96, 128): [strong, beside, weak, other]})

    (faces,) = detector(network).detect([black(128, 96)])

    np.testing.assert_allclose(faces.scores, [0.95, 0.9])


def test_boxes_end_at_the_frame_but_landmarks_stay_with_the_face() -> None:
    face = Painted((-20.0, -10.0, 40.0, 50.0))
    network = PaintedNetwork({(96, 128): [face]})

    (faces,) = detector(network).detect([black(128, 96)])

    np.testing.assert_allclose(faces.boxes, [(0.0, 0.0, 40.0, 50.0)], atol=1e-3)
    np.testing.assert_allclose(faces.landmarks, [face.landmarks], atol=1e-3)


def test_a_face_in_the_padding_is_none() -> None:
    network = PaintedNetwork({(32, 128): [Painted((100.0, 4.0, 120.0, 24.0))]})

    (faces,) = detector(network).detect([black(97, 30)])

    assert len(faces) == 0


def test_decode_agrees_with_a_loop() -> None:
    rng = np.random.default_rng(3)
    painted = [
        Painted((x, y, x + rng.uniform(9, 20), y + rng.uniform(9, 20)), rng.uniform(0.4, 1.0))
        for x in (3.0, 40.0, 80.0)
        for y in (4.0, 50.0)
    ]
    maps = paint((96, 128), painted)
    placed = place(128, 96, 960, 32)

    faces = decode(Maps(maps["heat"][0], maps["scale"], maps["offset"], maps["landmarks"]), placed, 0.3, 0.3)

    best_first = sorted(painted, key=lambda face: -face.score)
    np.testing.assert_allclose(faces.boxes, [face.box for face in best_first], atol=1e-3)
    np.testing.assert_allclose(faces.landmarks, [face.landmarks for face in best_first], atol=1e-3)


def test_another_network_is_refused_with_what_it_is() -> None:
    engine = FakeEngine(lambda inputs: {}, INPUTS, (TensorSpec("vectors", ("n", 512)),))
    engine.open()

    with pytest.raises(BadInputError, match=r"not a CenterFace.*vectors \('n', 512\)"):
        CenterFace(engine, 960, 0.3, 0.3).detect([black(64, 64)])


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 5, 3), (40, 10_000, 3), (10_000, 3, 3)])
@pytest.mark.models
def test_strange_shapes_through_the_real_network(centerface: CenterFace, shape: tuple[int, int, int]) -> None:
    (faces,) = centerface.detect([np.zeros(shape, np.uint8)])

    assert len(faces) == 0


@pytest.mark.models
@pytest.mark.data
def test_two_people_are_found_with_their_eyes_left_and_right(centerface: CenterFace, two_people: U8) -> None:
    (faces,) = centerface.detect([two_people])

    assert len(faces) == 2
    assert_faces_make_sense(faces)


@pytest.mark.models
@pytest.mark.data
def test_a_batch_gives_what_single_images_give(centerface: CenterFace, two_people: U8) -> None:
    flipped = np.ascontiguousarray(two_people[:, ::-1])

    together = centerface.detect([two_people, flipped, two_people[:300]])

    for image, faces in zip([two_people, flipped, two_people[:300]], together, strict=True):
        (alone,) = centerface.detect([image])
        np.testing.assert_array_equal(faces.boxes, alone.boxes)
        np.testing.assert_array_equal(faces.landmarks, alone.landmarks)


def assert_faces_make_sense(faces: Faces) -> None:
    """Left eye left of the right one, eyes above nose above mouth, all within the box."""
    left, right, nose, mouth_left, mouth_right = (faces.landmarks[:, row] for row in range(5))
    assert np.all(left[:, 0] < right[:, 0])
    assert np.all(mouth_left[:, 0] < mouth_right[:, 0])
    assert np.all(np.maximum(left[:, 1], right[:, 1]) < nose[:, 1])
    assert np.all(nose[:, 1] < np.minimum(mouth_left[:, 1], mouth_right[:, 1]))
    low, high = faces.boxes[:, None, :2], faces.boxes[:, None, 2:]
    assert np.all((low < faces.landmarks) & (faces.landmarks < high))
