"""`evaluate robustness` with fake networks that know people by their colour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.backends.fake import fake_embedder
from engines.evaluation.degrade import DEFECTS
from engines.evaluation.lfw_pairs import read_pairs
from pipeline.alignment.crop import CropRule
from pipeline.arrays import F32, U8
from pipeline.assemble.recognition import Networks, Recognition
from pipeline.capture.photo_set import PhotoEntry, PhotoSet, open_photo_set
from pipeline.commands.evaluations.faces import describe_set
from pipeline.commands.evaluations.robustness import chosen_defects, run_robustness
from pipeline.commands.evaluations.spoiled import spoiled_set
from pipeline.embedding.embedder import Embedder
from pipeline.errors import BadInputError, SourceError
from pipeline.types import Faces
from tests.commands.painted_photos import make

PEOPLE, SIDE_PX, CROP_PX = 8, 96, 16


class BrightMiddle:
    """Finds a face in the middle of every picture that is not too dark, and counts the pictures."""

    name = "bright middle"

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        self.looks += len(images)
        return [self._find(image) for image in images]

    def _find(self, image: U8) -> Faces:
        if image.mean() < 30:
            return Faces.none()
        height, width = image.shape[:2]
        box = np.array([[0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height]], np.float32)
        return Faces(box, np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))


def judge(crops: U8, faces: Faces) -> F32:
    return np.full(len(faces), 0.8, np.float32)


@pytest.fixture
def detector() -> BrightMiddle:
    return BrightMiddle()


@pytest.fixture
def recognition(detector: BrightMiddle) -> Recognition:
    engine = fake_embedder(side_px=CROP_PX, dimension=64)
    engine.open()
    embedder = Embedder(engine, "painted", max_batch=4)
    networks = Networks(detector, detector, embedder, CropRule(CROP_PX, 0, 0), judge, recipe="painted")
    return Recognition(networks)


@pytest.fixture
def photo_set(tmp_path: Path) -> PhotoSet:
    """Two photos each of eight people, each in a colour of their own."""
    chance = np.random.default_rng(3)
    for person in range(PEOPLE):
        colour = chance.integers(60, 250, 3)
        for number in (1, 2):
            image = np.clip(colour + chance.normal(0, 4, (SIDE_PX, SIDE_PX, 3)), 0, 255).astype(np.uint8)
            path = tmp_path / "set" / f"p{person}" / f"p{person}_{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), image)
    return open_photo_set(tmp_path / "set")


def result(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    value: dict[str, Any] = json.loads(line)
    return value


def test_the_json_object_and_the_second_run_from_what_was_kept(
    photo_set: PhotoSet,
    recognition: Recognition,
    detector: BrightMiddle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = make(tmp_path / "data", json=True)
    defects = chosen_defects(["dark", "jpeg"])
    run_robustness(context, recognition, photo_set, None, defects, None)
    found = result(capsys.readouterr().out)
    assert (found["photos"], found["people"], found["genuine_pairs"]) == (16, 8, 8)
    levels = {(each["defect"], each["level"]): each for each in found["levels"]}
    assert list(levels)[:2] == [("clean", 0.0), ("dark", 2)]
    assert levels["clean", 0.0]["undetected"] == 0.0
    assert levels["dark", 7]["undetected"] == 1.0
    assert levels["dark", 7]["probe"]["val_kept"] == 0.0
    assert levels["jpeg", 10]["paper_val"] == 0.673
    assert found["by_quality"]
    assert found["by_face_px"] == []
    looks = detector.looks
    assert looks == 16 * 12
    run_robustness(context, recognition, photo_set, None, defects, None)
    assert result(capsys.readouterr().out) == found
    assert detector.looks == looks


def test_photos_whose_names_are_no_text(recognition: Recognition, tmp_path: Path) -> None:
    image = np.full((SIDE_PX, SIDE_PX, 3), 200, np.uint8)
    entry = PhotoEntry("caf\udce9/1.png", "caf\udce9", "caf\udce9")
    odd = PhotoSet(tmp_path, (entry,), "", (0,), lambda rows: iter([image for _ in rows]))
    context = make(tmp_path / "data")
    clean = describe_set(context, recognition, odd)
    (noise,) = chosen_defects(["noise"])
    spoiled = describe_set(context, recognition, spoiled_set(odd, noise, noise.levels[0], clean))
    assert spoiled.names == clean.names == (entry.name,)


def test_only_the_photos_of_the_pairs_are_looked_at(
    photo_set: PhotoSet,
    recognition: Recognition,
    detector: BrightMiddle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "pairs.txt"
    file.write_text("2 1\np0 1 2\np1 1 p2 1\np3 1 2\np4 1 p5 1\n")
    context = make(tmp_path / "data", json=True)
    pairs = read_pairs(file).first_folds(1)
    run_robustness(context, recognition, photo_set, pairs, chosen_defects(["mask"]), None)
    found = result(capsys.readouterr().out)
    assert (found["photos"], found["people"], found["genuine_pairs"]) == (4, 3, 1)
    assert detector.looks == 4 * 4


def test_the_tables_and_the_plot(
    photo_set: PhotoSet, recognition: Recognition, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "robustness.png"
    context = make(tmp_path / "data")
    run_robustness(context, recognition, photo_set, None, chosen_defects(["size", "jpeg"]), plot)
    text = capsys.readouterr().out
    assert "16 photos, 8 genuine pairs" in text
    assert "0.673" in text
    assert "spoiled faces by quality, against clean photos, at the clean" in text
    assert "FAR, both" in text, "each column has a name"
    assert "shorter side" in text
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_spoiled_set_repeats_and_is_kept_apart(
    photo_set: PhotoSet, recognition: Recognition, tmp_path: Path
) -> None:
    clean = describe_set(make(tmp_path / "data"), recognition, photo_set)
    (noise,) = chosen_defects(["noise"])
    sets = [spoiled_set(photo_set, noise, level, clean) for level in (4, 4, 5)]
    assert sets[0].fingerprint == sets[1].fingerprint != sets[2].fingerprint
    (dark,) = chosen_defects(["dark"])
    assert spoiled_set(photo_set, dark, 4, clean).fingerprint != sets[0].fingerprint != photo_set.fingerprint
    pictures = [[image for _, image in each.photos()] for each in sets]
    for first, again in zip(*pictures[:2], strict=True):
        assert not isinstance(first, SourceError)
        assert not isinstance(again, SourceError)
        np.testing.assert_array_equal(first, again)
    part = sets[0].only(lambda entry: entry.name.startswith("p3/"))
    ((_, one), _) = part.photos()
    place = [entry.name for entry in photo_set.entries].index("p3/p3_0001.png")
    assert not isinstance(one, SourceError)
    np.testing.assert_array_equal(one, np.asarray(pictures[0][place]))


def test_defects_are_chosen_by_name() -> None:
    assert chosen_defects(None) == DEFECTS
    assert [each.name for each in chosen_defects(["tilt", "blur"])] == ["tilt", "blur"]
    with pytest.raises(BadInputError, match="no such defect; there are jpeg, size, blur"):
        chosen_defects(["fog"])
