"""The contact sheet: whole in one file, harmless whatever files are called, never in another file's place."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.commands.contact_sheet import (
    THUMBNAIL_PX,
    SheetFace,
    SheetSection,
    check_sheet,
    thumbnail,
    write_sheet,
)
from pipeline.errors import BadInputError, OutsideError
from pipeline.gallery.painted import PaintedFace, paint

HOSTILE = [
    '"><script>alert(1)</script>.jpg',
    "' onerror='alert(1).jpg",
    "a&amp;b.jpg",
    "line\nend\x1b[31m.jpg",
    "right\u202eto left.jpg",
    "no text \udcff.jpg",
]


class Reader(HTMLParser):
    """Tags with their attributes, and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[dict[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def face(photo: str, quality: float = 0.8) -> SheetFace:
    image = paint([PaintedFace(1)])
    return SheetFace(
        photo, f"in/{photo}", quality, thumbnail(image, np.array([40, 30, 140, 150], np.float32))
    )


def written(path: Path, *sections: SheetSection) -> Reader:
    write_sheet(path, "Faces", ["a note"], sections)
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def test_faces_stand_in_their_groups_with_name_and_quality(tmp_path: Path) -> None:
    page = written(
        tmp_path / "out.html",
        SheetSection("Group 1", "2 faces", [face("a.jpg", 0.9), face("b.jpg", 0.51)]),
        SheetSection("Seen once", "1 face", [face("c.jpg")]),
    )
    assert page.tags.count("section") == 2
    pictures = [about for tag, about in zip(page.tags, page.attributes, strict=True) if tag == "img"]
    assert [about["alt"] for about in pictures] == [
        "in/a.jpg, quality 0.90",
        "in/b.jpg, quality 0.51",
        "in/c.jpg, quality 0.80",
    ]
    titles = [
        about["title"] for tag, about in zip(page.tags, page.attributes, strict=True) if tag == "figure"
    ]
    assert titles == [about["alt"] for about in pictures]
    assert [text for text in page.texts if text.endswith(".jpg")] == ["a.jpg", "b.jpg", "c.jpg"]
    kind, data = (pictures[0]["src"] or "").split(",")
    assert kind == "data:image/jpeg;base64"
    assert cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_means_only_itself(tmp_path: Path, name: str) -> None:
    plain = written(tmp_path / "plain.html", SheetSection("Group 1", "", [face("plain.jpg")]))
    page = written(tmp_path / "hostile.html", SheetSection(name, name, [face(name)]))
    assert page.tags == plain.tags
    assert [set(each) for each in page.attributes] == [set(each) for each in plain.attributes]
    text = (tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    page = written(tmp_path / "out.html", SheetSection("Group 1", "", [face("a.jpg")]))
    assert not {"script", "link", "iframe", "object", "form", "a"} & set(page.tags)
    policies = [about.get("content") for about in page.attributes if "http-equiv" in about]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "http:" not in text
    assert "https:" not in text


def test_a_sheet_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    sheet = tmp_path / "out.html"
    check_sheet(sheet)
    written(sheet, SheetSection("Group 1", "", [face("a.jpg")]))
    check_sheet(sheet)
    other = tmp_path / "mine.html"
    other.write_text("<html>my own page</html>", encoding="utf-8")
    with pytest.raises(BadInputError, match="is there already and no contact sheet"):
        check_sheet(other)
    dangling = tmp_path / "link.html"
    dangling.symlink_to(tmp_path / "gone.html")
    with pytest.raises(BadInputError, match="is there already"):
        check_sheet(dangling)


def test_a_place_that_cannot_be_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    for path, reason in (
        (tmp_path / "out.jpg", r"ends in \.html"),
        (tmp_path / "folder.html", "is a folder"),
        (tmp_path / "gone" / "out.html", "there is no folder"),
    ):
        with pytest.raises(BadInputError, match=reason):
            check_sheet(path)


def test_a_sheet_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "out.html"
    with pytest.raises(OutsideError, match="cannot be written"):
        write_sheet(path, "Faces", [], [])
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(OutsideError, match="cannot be written"):
        write_sheet(tmp_path / "taken.html", "Faces", [], [])
    assert [each.name for each in tmp_path.iterdir()] == ["taken.html"]


@pytest.mark.parametrize(
    "box", [(40, 30, 140, 150), (-20, -20, 30, 30), (230, 170, 400, 400), (300, 300, 320, 320), (5, 5, 5, 5)]
)
def test_a_thumbnail_is_there_wherever_the_box_lies(box: tuple[int, int, int, int]) -> None:
    image = paint([PaintedFace(200, box=(0, 0, 240, 180))])
    jpeg = thumbnail(image, np.array(box, np.float32))
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert max(picture.shape[:2]) <= THUMBNAIL_PX
    assert np.abs(picture[0, 0].astype(int) - (204, 0, 200)).max() < 12  # blue, green, red
