"""A run that searches one watchlist: nobody else is found, and a list that goes away names nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.memory.among_list import AmongList
from pipeline.gallery.memory.following import FollowedGallery, Source
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from pipeline.types import Watchlist
from tests.gallery.people import DIMENSION, MODEL, face, template

PROBES = np.stack([face(1, 7), face(2, 7)])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        for number, name in enumerate(("Ann", "Bob"), 1):
            opened.enroll(name, [template(number)])
        lists = Watchlists(opened.database)
        lists.create("vip", "greet")
        lists.add("vip", [opened.find("Bob").id])
        yield opened


def loaded(store: Store) -> Replica:
    return Replica.load(store, MODEL, ExactIndex(DIMENSION))


def names(gallery: AmongList) -> list[list[str]]:
    return [[one.name for one in people] for people in gallery.answer(PROBES, 5).people]


def test_only_who_is_on_the_list_is_found_with_the_list(store: Store) -> None:
    gallery = AmongList(PinnedGallery(loaded(store), 0.9), "vip")
    assert names(gallery) == [["Bob"], ["Bob"]]
    assert gallery.answer(PROBES, 1).people[1][0].watchlists == (Watchlist("vip", "greet"),)
    assert gallery.state.max_distance == 0.9
    assert len(gallery.replica.people) == 2


def test_a_list_that_is_not_there_is_told_with_those_that_are(store: Store) -> None:
    with pytest.raises(GalleryError, match="there is no watchlist 'vop'; there are: vip"):
        AmongList(PinnedGallery(loaded(store), 0.9), "vop")


def test_a_running_gallery_follows_its_list_also_when_it_goes_away(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    load: Callable[[], Replica] = lambda: loaded(store)  # noqa: E731
    followed = FollowedGallery(load(), Source(store.database, MODEL, load), lambda own: 0.9, 1.0)
    gallery = AmongList(followed, "vip")
    lists = Watchlists(store.database)
    lists.add("vip", [store.find("Ann").id])
    followed.step()
    assert names(gallery) == [["Ann", "Bob"], ["Bob", "Ann"]]
    lists.delete("vip")
    followed.step()
    assert names(gallery) == names(gallery) == [[], []]
    assert caplog.text.count("there is no watchlist 'vip'") == 1
    lists.create("vip", "greet")
    lists.add("vip", [store.find("Bob").id])
    followed.step()
    assert names(gallery) == [["Bob"], ["Bob"]]


def test_cameras_with_lists_see_who_is_on_theirs_and_on_the_runs(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    lists = Watchlists(store.database)
    lists.create("staff", "may pass")
    lists.add("staff", [store.find("Ann").id])
    gallery = AmongList(PinnedGallery(loaded(store), 0.9), "vip")
    answer = gallery.answer(PROBES, 5, watchlists=frozenset({"staff"}))
    assert (answer.people, answer.state.comparable) == (((), ()), 0)
    answer = gallery.answer(PROBES, 5, watchlists=frozenset({"staff", "vip"}))
    assert [[one.name for one in people] for people in answer.people] == [["Bob"], ["Bob"]]
    assert caplog.text == ""


def test_a_list_on_which_is_nobody_is_told_when_it_begins(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    Watchlists(store.database).create("staff", "may pass")
    gallery = AmongList(PinnedGallery(loaded(store), 0.9), "staff")
    line = "matching.watchlist: nobody on the watchlist 'staff' can be found"
    assert caplog.text.count(line) == 1
    assert names(gallery) == [[], []]
    assert caplog.text.count(line) == 1
