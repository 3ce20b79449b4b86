"""`cluster`: groups of unknown faces out of photos, some of which are no use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.schema import Clustering, Config
from pipeline.assemble.recognition import open_recognition
from pipeline.commands.cluster import clustering_distance, run_cluster
from pipeline.commands.context import Context
from pipeline.errors import BadInputError
from pipeline.gallery.painted import PaintedFace
from tests.commands.painted_photos import RECOGNISER, make, write_photo

LEFT, RIGHT = (0, 45, 96, 135), (120, 45, 216, 135)


def context(tmp_path: Path, as_json: bool = True, **clustering: Any) -> Context:
    config = Config(clustering=Clustering(**{"max_distance": 1.0, **clustering}))
    return replace(make(tmp_path / "data", as_json), config=config)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def album(folder: Path) -> list[Path]:
    """Ann (1) on three photos, Bob (2) on two of them, Cy (3) on one; a fourth photo is empty."""
    return [
        write_photo(folder / "a.png", PaintedFace(2, 1, box=RIGHT), PaintedFace(1, 1, box=LEFT)),
        write_photo(folder / "b.png", PaintedFace(1, 2, quality=0.9)),
        write_photo(folder / "c.png", PaintedFace(1, 3, box=LEFT), PaintedFace(2, 3, box=RIGHT)),
        write_photo(folder / "d.png", PaintedFace(3, 4)),
        write_photo(folder / "e.png"),
    ]


def members(line: dict[str, Any]) -> list[tuple[str, int]]:
    return [(Path(face["image"]).name, face["face"]) for face in line["faces"]]


def test_a_line_a_group_the_largest_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cluster(context(tmp_path), album(tmp_path), RECOGNISER) == 0
    empty, ann, bob, cy, end = lines(capsys.readouterr().out)
    assert empty == {"image": str(tmp_path / "e.png"), "faces": []}
    assert [each["group"] for each in (ann, bob, cy)] == [1, 2, 3]
    assert members(ann) == [("a.png", 1), ("b.png", 1), ("c.png", 1)]
    assert members(bob) == [("a.png", 2), ("c.png", 2)]
    assert members(cy) == [("d.png", 1)]
    assert ann["faces"][1] == {
        "image": str(tmp_path / "b.png"),
        "face": 1,
        "box": pytest.approx([40 / 240, 30 / 180, 140 / 240, 150 / 180], abs=1e-4),
        "quality": pytest.approx(0.9, abs=0.01),
    }
    assert end == {
        **{"photos": 5, "unreadable": 0, "without_face": 1, "groups": 2, "singles": 1, "unclear": 0},
        **{"max_distance": 1.0, "linkage": "average"},
    }


def test_the_central_face_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    middle, corner = PaintedFace(1, 1, box=(60, 30, 180, 150)), PaintedFace(2, 1, box=(0, 0, 50, 50))
    photos = [
        write_photo(tmp_path / "a.png", corner, middle),
        write_photo(tmp_path / "b.png", PaintedFace(1, 2)),
    ]
    assert run_cluster(context(tmp_path), photos, RECOGNISER, central=True) == 0
    group, end = lines(capsys.readouterr().out)
    assert members(group) == [("a.png", 1), ("b.png", 1)]
    assert (end["groups"], end["singles"]) == (1, 0)


def test_an_unreadable_photo_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken\x1b[2J.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0" + b"no jpeg" * 20)
    assert run_cluster(context(tmp_path), [broken, *album(tmp_path)], RECOGNISER) == 2
    printed = capsys.readouterr()
    first, *_, end = lines(printed.out)
    assert first["image"] == str(broken)
    assert first["error"].endswith("copy it again")
    assert (end["photos"], end["unreadable"], end["groups"]) == (5, 1, 2)
    assert "\x1b" not in printed.err


def test_faces_too_poor_are_in_no_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [
        write_photo(tmp_path / "good.png", PaintedFace(1, 1)),
        write_photo(tmp_path / "poor.png", PaintedFace(1, 2, quality=0.05)),
    ]
    assert run_cluster(context(tmp_path), photos, RECOGNISER) == 0
    single, unclear, end = lines(capsys.readouterr().out)
    assert members(single) == [("good.png", 1)]
    assert unclear["group"] is None
    assert members(unclear) == [("poor.png", 1)]
    assert end["unclear"] == 1


@pytest.mark.parametrize("faces", [[], [PaintedFace(1)]])
def test_one_photo(tmp_path: Path, capsys: pytest.CaptureFixture[str], faces: list[PaintedFace]) -> None:
    photo = write_photo(tmp_path / "one.png", *faces)
    sheet = tmp_path / "out.html"
    assert run_cluster(context(tmp_path, as_json=False), [photo], RECOGNISER, sheet=sheet) == 0
    found = f"{len(faces)} face{'s' * (len(faces) != 1)} in 1 photo: 0 groups, {len(faces)} seen once"
    assert found in capsys.readouterr().out
    assert found in sheet.read_text(encoding="utf-8")


def test_the_table_and_the_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [
        *album(tmp_path / "in"),
        *(write_photo(tmp_path / f"{shot}.png", PaintedFace(1, shot)) for shot in (7, 8)),
    ]
    sheet = tmp_path / "out.html"
    assert run_cluster(context(tmp_path, as_json=False), photos, RECOGNISER, sheet=sheet) == 0
    printed = " ".join(capsys.readouterr().out.split())  # the paths decide where lines end
    assert "and 1 more" in printed
    assert "8 faces in 7 photos: 2 groups, 1 seen once; 1 photo without a face." in printed
    page = sheet.read_text(encoding="utf-8")
    assert page.index("Group 1") < page.index("Group 2") < page.index("Seen once")
    assert page.count("<img") == 8
    assert "<figcaption>in/a.png</figcaption>" in page
    assert "<figcaption>7.png</figcaption>" in page
    assert page.index("b.png, quality 0.9") < page.index("a.png, quality 0.8")  # the best shot first
    assert "Too unclear" not in page


def test_the_distance_follows_from_the_rate_and_the_number_of_faces(tmp_path: Path) -> None:
    derived = context(tmp_path, max_distance=None)
    few, many = clustering_distance(derived, 100), clustering_distance(derived, 5000)
    assert 0.0 < many < few < 2.0
    careful = context(tmp_path, max_distance=None, max_fpir=0.01)
    assert clustering_distance(careful, 100) < few
    assert clustering_distance(context(tmp_path, max_distance=0.7), 100) == 0.7


def test_an_embedder_without_statistics_needs_a_distance(tmp_path: Path) -> None:
    config = Config.model_validate({"embedding": {"model": "facenet-20180408"}})
    assert clustering_distance(replace(make(tmp_path), config=config), 10) > 0.0
    other = Config.model_validate({"embedding": {"model": "centerface"}})
    with pytest.raises(BadInputError, match=r"clustering\.max_distance"):
        clustering_distance(replace(make(tmp_path), config=other), 10)


@pytest.mark.models
@pytest.mark.data
def test_real_people_come_together(
    tmp_path: Path, photos: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = sorted(photos.iterdir())
    with open_recognition(Config(), models_dir, lambda progress: None) as recognition:
        assert run_cluster(make(tmp_path / "data", json=True), given, recognition) == 0
    *groups, end = lines(capsys.readouterr().out)
    together = {frozenset(photo for photo, _ in members(each)) for each in groups}
    assert frozenset({"obama.jpg", "two_people.jpg"}) in together
    assert frozenset({"biden.jpg", "two_people.jpg"}) in together
    assert frozenset({"alex-lacamoire.png", "alex-lacamoire-2.jpg"}) in together
    assert (end["groups"], end["singles"]) == (3, 1)
