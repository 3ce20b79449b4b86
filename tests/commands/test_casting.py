"""The demo's photos are enrolled once, and a refused one is an error that says which and why."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from rich.console import Console

from config.schema import Config
from pipeline.commands.casting import Cast, CastPhoto, enroll_cast, fetch_cast
from pipeline.commands.context import Context
from pipeline.demo.play import ENROLLED, PLAY
from pipeline.errors import GalleryError
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.storage.store import Store

PEOPLE = (("Ann", "ann.png"), ("Bob", "bob.png"))


@pytest.fixture
def own(tmp_path: Path) -> Context:
    return Context(Config(), tmp_path, tmp_path / "models", False, Console(file=io.StringIO(), stderr=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    """Painted photos of Ann and Bob, and one of nobody."""
    photos = {}
    for number, name in enumerate(("ann.png", "bob.png", "wall.png"), 1):
        faces = [] if name == "wall.png" else [PaintedFace(person=number)]
        cv2.imwrite(str(tmp_path / name), paint(faces)[..., ::-1])
        photos[name] = CastPhoto(tmp_path / name, str(number) * 64)
    return Cast(photos)


def test_everybody_is_enrolled_from_one_photo(own: Context, store: Store, cast: Cast) -> None:
    enroll_cast(own, store, PaintedRecogniser(), cast, PEOPLE)
    assert [(one.person.name, one.templates) for one in store.people()] == [("Ann", 1), ("Bob", 1)]


def test_a_second_time_changes_nothing(own: Context, store: Store, cast: Cast) -> None:
    enroll_cast(own, store, PaintedRecogniser(), cast, PEOPLE)
    version = store.version()
    enroll_cast(own, store, PaintedRecogniser(), cast, PEOPLE)
    assert store.version() == version


def test_another_model_enrolls_anew(own: Context, store: Store, cast: Cast) -> None:
    enroll_cast(own, store, PaintedRecogniser(), cast, PEOPLE)
    enroll_cast(own, store, PaintedRecogniser(model_id="other"), cast, PEOPLE)
    assert [one.templates for one in store.people()] == [2, 2]


def test_a_refused_photo_is_named_with_its_reason(own: Context, store: Store, cast: Cast) -> None:
    with pytest.raises(GalleryError, match=r"wall\.png was not enrolled for Eve: no face"):
        enroll_cast(own, store, PaintedRecogniser(), cast, [("Eve", "wall.png")])


def test_photos_are_read_by_name(cast: Cast) -> None:
    assert cast.read(["bob.png"])["bob.png"].shape == (180, 240, 3)


@pytest.mark.models
def test_the_catalogue_has_every_photo_of_the_play() -> None:
    photos = fetch_cast(Path(os.environ.get("FACESTREAM_MODELS") or "models"), lambda progress: None).photos
    needed = {figure.photo for figure in PLAY.figures} | {photo for _, photo in ENROLLED}
    assert needed <= set(photos)
    assert all(photos[name].path.is_file() for name in needed)
