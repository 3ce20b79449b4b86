"""What a detector is asked to look at, and the input that is made of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.detection.centerface import CenterFace, Maps, decode, decode_look
from pipeline.detection.letterbox import letterbox, place
from pipeline.detection.look import Look, Patch, WholeFrames, frame_detector, input_of
from pipeline.pixels import HostPixels
from pipeline.types import Faces
from tests.detection.maps import Painted, PaintedNetwork, paint


def picture(width: int, height: int, seed: int = 0) -> U8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def maps_of(shape: tuple[int, int], faces: Sequence[Painted]) -> Maps:
    painted = paint(shape, faces)
    return Maps(painted["heat"][0], painted["scale"], painted["offset"], painted["landmarks"])


def test_a_look_at_a_whole_frame_is_the_letterbox() -> None:
    image, placed = picture(200, 100), place(200, 100, 128, 32)

    made = input_of([Look(HostPixels(image), placed)] * 2)

    assert made.shape == (2, 64, 128, 3)
    assert np.array_equal(made, letterbox([image, image], [placed, placed]))


def test_patches_hold_the_pixels_of_a_whole_look() -> None:
    image, placed = picture(400, 180), place(400, 180, 200, 32)  # scaled to 200 x 90, in 224 x 96
    whole = input_of([Look(HostPixels(image), placed)])[0]
    # The second reaches beyond the frame on the right and below.
    patches = (Patch(32, 0, 64, 32, 0, 0), Patch(160, 64, 64, 32, 64, 32))

    made = input_of([Look(HostPixels(image), placed, patches, (64, 128))])[0]

    assert np.array_equal(made[:32, :64], whole[:32, 32:96])
    assert np.array_equal(made[32:, 64:], whole[64:96, 160:224])
    assert not made[32:, :64].any()
    assert not made[:32, 64:].any()


def test_whole_frames_and_patches_share_an_input() -> None:
    image, placed = picture(64, 64), place(64, 64, 64, 32)
    whole = Look(HostPixels(image), placed)
    patch = Look(
        HostPixels(picture(128, 64)), place(128, 64, 128, 32), (Patch(64, 0, 64, 64, 0, 0),), (64, 64)
    )

    made = input_of([patch, whole])

    assert np.array_equal(made[1], image)
    assert np.array_equal(made[0], picture(128, 64)[:, 64:])


@pytest.mark.parametrize(
    ("patches", "canvas"), [((), (32, 32)), ((Patch(0, 0, 32, 32, 0, 0),), None)], ids=["none", "no canvas"]
)
def test_patches_and_canvas_come_together(patches: tuple[Patch, ...], canvas: tuple[int, int] | None) -> None:
    with pytest.raises(ValueError, match="patches need a canvas"):
        Look(HostPixels(picture(64, 64)), place(64, 64, 64, 32), patches, canvas)


def test_faces_in_patches_are_put_back_to_where_they_are() -> None:
    placed = place(512, 256, 256, 32)
    face = Painted((140.0, 70.0, 164.0, 98.0))
    moved = Painted((140.0 - 96, 70.0 - 32, 164.0 - 96, 98.0 - 32))
    look = Look(HostPixels(picture(512, 256)), placed, (Patch(128, 64, 64, 64, 32, 32),), (96, 96))

    whole = decode(maps_of((128, 256), [face]), placed, 0.3, 0.3)
    patched = decode_look(maps_of((96, 96), [moved]), look, 0.3, 0.3)

    assert np.allclose(patched.boxes, whole.boxes, atol=1e-3)
    assert np.allclose(patched.landmarks, whole.landmarks, atol=1e-3)


def test_what_is_found_between_patches_is_nowhere() -> None:
    placed = place(256, 128, 256, 32)
    look = Look(HostPixels(picture(256, 128)), placed, (Patch(0, 0, 32, 32, 0, 0),), (32, 96))

    assert len(decode_look(maps_of((32, 96), [Painted((60.0, 8.0, 80.0, 24.0))]), look, 0.3, 0.3)) == 0


def test_looks_of_one_shape_share_a_run() -> None:
    network = PaintedNetwork({})
    patch = (Patch(0, 0, 64, 64, 0, 0),)
    looks = [
        Look(HostPixels(picture(64, 64)), place(64, 64, 64, 32)),
        Look(HostPixels(picture(96, 96)), place(96, 96, 96, 32)),
        Look(HostPixels(picture(96, 96)), place(96, 96, 96, 32), patch, (64, 64)),
    ]

    found = CenterFace(network.engine, 960, 0.3, 0.3).look(looks)

    assert [len(faces) for faces in found] == [0, 0, 0]
    assert network.shown == [(2, 64, 64, 3), (1, 96, 96, 3)]


class Images:
    """A detector of images alone."""

    name = "images"

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        return [Faces.none() for _ in images]


def test_a_detector_of_images_is_shown_whole_frames() -> None:
    detector = frame_detector(Images())
    look = Look(HostPixels(picture(64, 64)), place(64, 64, 64, 32), (Patch(0, 0, 32, 32, 0, 0),), (32, 32))

    assert isinstance(detector, WholeFrames)
    assert detector.name == "images"
    assert len(detector.look([look])) == 1


def test_a_detector_of_frames_stays_itself() -> None:
    centerface = CenterFace(PaintedNetwork({}).engine, 960, 0.3, 0.3)

    assert frame_detector(centerface) is centerface
