"""LFW's protocol against its definition."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks._lfw import Pairs, central_face, read_pairs, read_photos, score
from pipeline.errors import BadInputError
from pipeline.types import Faces


def pairs_of(folds: int, per_side: int) -> Pairs:
    same = np.tile(np.repeat([True, False], per_side), folds)
    fold = np.repeat(np.arange(folds, dtype=np.int64), 2 * per_side)
    names = tuple(str(row) for row in range(len(same)))
    return Pairs(names, names, same, fold)


def test_well_separated_distances_score_fully() -> None:
    pairs = pairs_of(10, 30)
    rng = np.random.default_rng(0)
    distances = np.where(pairs.same, rng.uniform(0.1, 0.6, 600), rng.uniform(1.4, 2.4, 600))

    result = score(distances, pairs)

    assert (result.accuracy, result.accuracy_sem, result.val, result.val_sem) == (1.0, 0.0, 1.0, 0.0)
    assert result.auc == 1.0
    assert 0.55 < result.threshold < 1.45


def test_each_fold_is_judged_by_the_others_threshold() -> None:
    pairs = pairs_of(2, 50)
    distances = np.where(pairs.same, 0.5, 1.5) + np.where(pairs.fold == 0, 0.0, 2.0)

    result = score(distances, pairs)

    # Fold 0's threshold lies below all of fold 1, which is then all "different"; the other way round all "same".
    assert result.accuracy == 0.5


def test_errors_are_counted_and_the_sem_is_of_the_folds() -> None:
    pairs = pairs_of(10, 30)
    distances = np.where(pairs.same, 0.5, 1.5)
    distances[0] = 2.0  # one matched pair of fold 0 is wrong

    result = score(distances, pairs)

    folds = np.array([59 / 60] + [1.0] * 9)
    assert result.accuracy == pytest.approx(folds.mean())
    assert result.accuracy_sem == pytest.approx(folds.std(ddof=1) / np.sqrt(10))


def test_pairs_are_read(tmp_path: Path) -> None:
    text = "2\t1\nAnn_Lee\t1\t4\nAnn_Lee\t1\tBo_Yu\t12\nCy\t2\t3\nCy\t3\tDi\t1\n"
    (tmp_path / "pairs.txt").write_text(text, encoding="utf-8")

    pairs = read_pairs(tmp_path / "pairs.txt")

    assert pairs.first == ("Ann_Lee_0001", "Ann_Lee_0001", "Cy_0002", "Cy_0003")
    assert pairs.second == ("Ann_Lee_0004", "Bo_Yu_0012", "Cy_0003", "Di_0001")
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]


def test_photos_are_read_as_rgb(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes BGR
    data = cv2.imencode(".jpg", red)[1].tobytes()
    with tarfile.open(tmp_path / "some.tar", "w") as tar:
        for name, content in (("lfw/Ann_Lee/Ann_Lee_0003.jpg", data), ("lfw/README", b"text")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

    (photo,) = read_photos(tmp_path / "some.tar")

    assert (photo.name, photo.person) == ("Ann_Lee_0003", "Ann_Lee")
    assert photo.image[..., 0].min() > 240
    assert photo.image[..., 2].max() < 15


def test_missing_data_says_where_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--data names its folder"):
        list(read_photos(tmp_path / "none.tar"))
    with pytest.raises(BadInputError, match="--data names its folder"):
        read_pairs(tmp_path / "none.txt")


def test_the_face_meant_is_large_and_central() -> None:
    image = np.zeros((250, 250, 3), np.uint8)
    boxes = np.array([[0, 0, 110, 110], [80, 70, 170, 180], [120, 120, 130, 130]], np.float32)
    faces = Faces(boxes, np.zeros((3, 5, 2), np.float32), np.ones(3, np.float32))

    np.testing.assert_array_equal(central_face(faces, image).boxes, boxes[1:2])
    assert len(central_face(Faces.none(), image)) == 0
