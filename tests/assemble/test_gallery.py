"""The gallery of a run: pinned where it repeats itself, followed in real time, from a snapshot where it is large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.load import load
from config.schema import Config
from pipeline.assemble.gallery import load_gallery, open_gallery, open_store
from pipeline.errors import BadInputError
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.indexes.choose import INDEXES
from pipeline.gallery.memory import opening, snapshot_taking
from pipeline.gallery.memory.following import FollowedGallery
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.painted import PaintedRecogniser
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.types import GalleryState

RECOGNISER = PaintedRecogniser()
CONFIG = Config()
SHOWS_S = 20.0


def template(person: int, shot: int = 0) -> NewTemplate:
    return NewTemplate("painted", RECOGNISER.vector(person, shot), 0.8, "painted", f"{person:032}{shot:032}")


def by_people(own: OwnPairs) -> float:
    return 1.0 + own.people / 1000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(CONFIG, tmp_path) as opened:
        for person in range(5):
            opened.enroll(f"Person {person}", [template(person)])
        yield opened


def test_a_pinned_gallery_stays_what_it_was(store: Store, tmp_path: Path) -> None:
    with open_gallery(CONFIG, store, RECOGNISER, tmp_path, by_people, follow=False) as gallery:
        assert isinstance(gallery, PinnedGallery)
        store.forget(store.find("Person 3").id)
        assert gallery.answer(RECOGNISER.vector(3)[None], 1).people[0][0].name == "Person 3"
        assert gallery.state == GalleryState(5, 1.005)


def test_a_followed_one_does_not_and_ends_with_the_run(store: Store, tmp_path: Path) -> None:
    with open_gallery(CONFIG, store, RECOGNISER, tmp_path, by_people, follow=True) as gallery:
        assert isinstance(gallery, FollowedGallery)
        store.enroll("Ann", [template(50)])
        assert gallery.wait_for(6, SHOWS_S)
        assert gallery.answer(RECOGNISER.vector(50)[None], 1).people[0][0].name == "Ann"
    store.enroll("Bob", [template(51)])
    assert not gallery.wait_for(7, 0.0)


@pytest.mark.parametrize("follow", [False, True])
def test_what_fails_while_the_distance_is_derived_is_told(store: Store, tmp_path: Path, follow: bool) -> None:
    def derive(own: OwnPairs) -> float:
        raise BadInputError("no statistics of strangers")

    with (
        pytest.raises(BadInputError, match="no statistics"),
        open_gallery(CONFIG, store, RECOGNISER, tmp_path, derive, follow=follow),
    ):
        pass


@pytest.mark.parametrize("kind", INDEXES)
def test_a_large_gallery_is_kept_for_the_next_start(
    store: Store, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "SNAPSHOT_FROM", 5)
    monkeypatch.setattr(snapshot_taking, "SNAPSHOT_FROM", 5)
    config = load(None, {}, [f"matching.index={kind}"])
    load_gallery(config, store, RECOGNISER)
    assert not (tmp_path / "index").exists()
    first = load_gallery(config, store, RECOGNISER, tmp_path)
    (kept,) = (tmp_path / "index").glob("*/*")
    assert kept.parent.name == f"painted-{kind}"
    again = load_gallery(config, store, RECOGNISER, tmp_path)
    probe = RECOGNISER.vector(3)[None]
    assert again.search(probe, 5) == first.search(probe, 5)
    with open_gallery(config, store, RECOGNISER, tmp_path, by_people, follow=True) as gallery:
        assert isinstance(gallery, FollowedGallery)
        assert gallery.wait_for(store.enroll("Ann", [template(50)]).version, SHOWS_S)
    (newer,) = (tmp_path / "index").glob("*/*")
    assert newer.name.startswith("000000000006-")
