"""Photos: each face from the look that suits its size."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.detection.centerface import CenterFace
from pipeline.detection.photo import PhotoDetector
from tests.detection.maps import Painted, PaintedNetwork
from tests.detection.test_centerface import assert_faces_make_sense

NEAR, FAR = (320, 320), (1280, 1280)
"""input shapes of a large square photo, (height, width)"""


def photo_detector(network: PaintedNetwork) -> PhotoDetector:
    return PhotoDetector(CenterFace(network.engine, 960, low_score=0.5, max_iou=0.3))


def square(side: int) -> U8:
    return np.zeros((side, side, 3), np.uint8)


def test_a_large_face_comes_from_the_small_input() -> None:
    network = PaintedNetwork(
        {
            NEAR: [Painted((60.0, 40.0, 260.0, 300.0), 0.8)],
            FAR: [
                Painted((300.0, 300.0, 700.0, 900.0), 0.95)
            ],  # a piece of it, as a network too near sees it
        }
    )

    (faces,) = photo_detector(network).detect([square(2560)])

    np.testing.assert_allclose(faces.boxes, [np.multiply((60.0, 40.0, 260.0, 300.0), 8)], rtol=1e-4)


def test_a_small_face_comes_from_the_large_input_once() -> None:
    network = PaintedNetwork(
        {NEAR: [Painted((100.0, 100.0, 120.0, 124.0))], FAR: [Painted((402.0, 401.0, 480.0, 497.0), 0.7)]}
    )

    (faces,) = photo_detector(network).detect([square(1280)])

    np.testing.assert_allclose(faces.boxes, [(402.0, 401.0, 480.0, 497.0)], rtol=1e-4)


def test_both_kinds_together_best_first() -> None:
    network = PaintedNetwork(
        {NEAR: [Painted((10.0, 10.0, 90.0, 110.0), 0.7)], FAR: [Painted((900.0, 900.0, 950.0, 960.0), 0.9)]}
    )

    (faces,) = photo_detector(network).detect([square(1280)])

    np.testing.assert_allclose(faces.scores, [0.9, 0.7])


def test_a_small_photo_is_looked_at_once() -> None:
    network = PaintedNetwork({(256, 256): [Painted((100.0, 100.0, 120.0, 124.0))]})

    found = photo_detector(network).detect([square(250), square(32)])

    assert [len(faces) for faces in found] == [1, 0]
    assert network.shown == [(1, 256, 256, 3), (1, 32, 32, 3)]


@pytest.mark.models
@pytest.mark.data
@pytest.mark.parametrize("zoom", [0.25, 1.0, 4.0])
def test_the_same_people_at_any_size(centerface: CenterFace, two_people: U8, zoom: float) -> None:
    height, width = (round(side * zoom) for side in two_people.shape[:2])
    rows, columns = np.arange(height) / zoom, np.arange(width) / zoom
    photo = np.ascontiguousarray(two_people[rows.astype(int)][:, columns.astype(int)])

    (faces,) = PhotoDetector(centerface).detect([photo])

    assert len(faces) == 2
    assert_faces_make_sense(faces)


@pytest.mark.models
@pytest.mark.data
def test_a_face_that_fills_the_photo(centerface: CenterFace, two_people: U8) -> None:
    (faces,) = PhotoDetector(centerface).detect([two_people])
    x0, y0, x1, y1 = faces.boxes[0].astype(int).tolist()
    tight = np.repeat(np.repeat(two_people[y0 - 10 : y1 + 10, x0 - 10 : x1 + 10], 8, axis=0), 8, axis=1)

    (found,) = PhotoDetector(centerface).detect([np.ascontiguousarray(tight)])

    assert len(found) == 1
    side = tight.shape[1]
    assert found.boxes[0, 2] - found.boxes[0, 0] > 0.6 * side


@pytest.mark.models
@pytest.mark.data
def test_people_on_a_panorama(centerface: CenterFace, two_people: U8) -> None:
    small = np.ascontiguousarray(two_people[::2, ::2])
    panorama = np.full((600, 10_000, 3), 128, np.uint8)
    height, width = small.shape[:2]
    panorama[200 : 200 + height, 7000 : 7000 + width] = small

    (faces,) = PhotoDetector(centerface).detect([panorama])

    assert len(faces) == 2
    assert_faces_make_sense(faces)
    assert np.all(faces.boxes[:, 0] > 7000)
