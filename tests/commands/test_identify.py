"""`identify`: a line a photo; one that cannot be read does not stop the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.identify import run_identify
from pipeline.errors import GalleryError
from pipeline.gallery.painted import PaintedFace
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from tests.commands.painted_photos import RECOGNISER, enroll_people, make, replica_of, write_photo


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        enroll_people(opened, [("Ann", 1), ("Bob [b]", 2)])
        yield opened


def run(store: Store, tmp_path: Path, *photos: Path, as_json: bool = True) -> int:
    return run_identify(make(tmp_path / "data", as_json), photos, replica_of(store), RECOGNISER)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_json_line_of_a_photo(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = write_photo(
        tmp_path / "two.png",
        PaintedFace(9, box=(120, 45, 216, 135)),
        PaintedFace(1, box=(0, 45, 96, 135)),
    )
    assert run(store, tmp_path, photo) == 0
    (line,) = lines(capsys.readouterr().out)
    ann, bob = store.find("Ann"), store.find("Bob [b]")
    first, second = line["faces"]
    assert line["image"] == str(photo)
    assert list(first) == ["box", "quality", "identity", "distance", "candidates"]
    assert first["box"] == [0.0, 0.25, 0.4, 0.75]
    assert first["quality"] == 0.8
    assert first["identity"] == {"id": ann.id, "name": "Ann"}
    assert first["distance"] == 0.0
    assert [one["id"] for one in first["candidates"]] == [ann.id, bob.id]
    assert first["candidates"][0] == {"id": ann.id, "name": "Ann", "distance": 0.0}
    assert second["identity"] is None
    assert second["distance"] == min(one["distance"] for one in second["candidates"])
    assert round(second["distance"], 4) == second["distance"]


def test_an_unreadable_photo_has_its_line_and_the_others_go_on(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0" + b"no jpeg" * 20)
    good = write_photo(tmp_path / "good.png", PaintedFace(1))
    assert run(store, tmp_path, broken, tmp_path / "gone.png", good) == 2
    printed = capsys.readouterr()
    first, second, third = lines(printed.out)
    assert first["image"] == str(broken)
    assert first["error"].startswith(f"{broken}: ")
    assert "no such file" in second["error"]
    assert third["faces"][0]["identity"]["name"] == "Ann"
    assert len(printed.err.splitlines()) == 2


def test_a_photo_without_a_face_is_no_error(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(tmp_path / "none.png")
    assert run(store, tmp_path, photo) == 0
    assert lines(capsys.readouterr().out) == [{"image": str(photo), "faces": []}]
    assert run(store, tmp_path, photo, as_json=False) == 0
    assert "no face" in capsys.readouterr().out


def test_the_table_names_the_faces_and_the_next_person(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(
        tmp_path / "two.png", PaintedFace(2, box=(0, 45, 96, 135)), PaintedFace(9, box=(120, 45, 216, 135))
    )
    assert run(store, tmp_path, photo, as_json=False) == 0
    _, known, unknown = [line for line in capsys.readouterr().out.splitlines() if "│" in line or "┃" in line]
    assert "Bob [b]" in known
    assert "Ann at" in known
    assert "unknown" in unknown


def test_an_empty_gallery_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = write_photo(tmp_path / "one.png", PaintedFace(1))
    with Store(tmp_path / "data") as store:
        assert run(store, tmp_path, photo, photo) == 0
    printed = capsys.readouterr()
    assert printed.err.count("nobody is enrolled") == 1
    assert lines(printed.out)[0]["faces"][0] == {
        "box": pytest.approx([40 / 240, 30 / 180, 140 / 240, 150 / 180], abs=1e-4),
        "quality": 0.8,
        "identity": None,
        "distance": None,
        "candidates": [],
    }


def test_a_file_name_gives_no_orders_to_a_terminal(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_photo(tmp_path / "\x1b[31mred.png", PaintedFace(1))
    assert run(store, tmp_path, good, tmp_path / "\x1b[2Jgone.png", as_json=False) == 2
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert "\\x1b[2Jgone.png" in printed.err


def test_only_a_watchlist_is_searched(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = Watchlists(store.database)
    lists.create("vip", "greet")
    lists.add("vip", [store.find("Bob [b]").id])
    photo = write_photo(tmp_path / "ann.png", PaintedFace(1))
    context = make(tmp_path / "data", True)
    assert run_identify(context, [photo], replica_of(store), RECOGNISER, "vip") == 0
    (face,) = lines(capsys.readouterr().out)[0]["faces"]
    assert face["identity"] is None
    assert [one["name"] for one in face["candidates"]] == ["Bob [b]"]
    with pytest.raises(GalleryError, match="there is no watchlist 'vop'; there are: vip"):
        run_identify(context, [photo], replica_of(store), RECOGNISER, "vop")
