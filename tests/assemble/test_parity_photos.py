"""Photos and frames that engines are compared on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.assemble.parity_photos import PHOTOS, photos_of


def test_a_folder_without_them(tmp_path: Path) -> None:
    assert photos_of(tmp_path) is None

    (tmp_path / "lfw_dev.tar").touch()
    assert photos_of(tmp_path) is None


@pytest.mark.data
def test_faces_near_and_far(test_data: Path) -> None:
    given = photos_of(test_data)

    assert given is not None
    assert (given.name, len(given.photos())) == ("lfw_dev", PHOTOS)
    assert {frame.shape[:2] for frame in given.frames()} > {(360, 640), (1080, 1920)}
