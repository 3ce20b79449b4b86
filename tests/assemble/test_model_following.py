"""A run that goes on while the gallery is switched to another model: no frame and no event is lost by it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.assemble.gallery import open_store
from pipeline.assemble.model_following import FIRST_RETRY_S
from pipeline.events.event import EventType
from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.restore import restore
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from tests.assemble.changing_models import (
    ANN,
    BOB,
    CONFIG,
    Clock,
    Opened,
    check,
    enrol,
    following,
    run,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(CONFIG, tmp_path) as opened:
        yield opened


def test_a_switch_under_load(store: Store, tmp_path: Path) -> None:
    for name, colour in (("Ann", ANN), ("Bob", BOB)):
        enrol(store, name, colour, "one", "two")
    opens = Opened()
    with following(store, tmp_path, opens, Clock()) as follower:
        models = follower.begin("one")

        def switch() -> None:
            store.serve("two", "two-1")
            follower.step()

        watch, events = run(models, [(100, switch)])
        follower.step()
        assert opens.closed == ["one"]
        assert models.force.served.since is not None
        assert not opens.engines[0]._is_open
    check(watch, events)
    assert {item.gallery.model_id for item in watch.matched} == {"one-1", "two-1"}
    assert {event.embedder for event in events if event.type is EventType.NEW} == {"one-1"}
    assert {event.embedder for event in events if event.type is EventType.END} == {"two-1"}
    assert opens.closed == ["one", "two"]


def test_there_and_back_again(store: Store, tmp_path: Path) -> None:
    for name, colour in (("Ann", ANN), ("Bob", BOB)):
        enrol(store, name, colour, "one", "two", "three")
    opens = Opened()
    with following(store, tmp_path, opens, Clock()) as follower:
        models = follower.begin("one")

        def switch(model: str) -> Callable[[], None]:
            def do() -> None:
                store.serve(model, f"{model}-1")
                follower.step()

            return do

        again = [(300, follower.step), (310, follower.step), (330, follower.step)]
        watch, events = run(models, [(60, switch("two")), (250, switch("three")), *again])
        assert models.force.served.eye.model == "three"
    check(watch, events)
    assert [len(item.matches) for item in watch.matched if item.gallery.model_id == "three-1"]


def test_memory_of_the_earlier_gallery_is_given_back(store: Store, tmp_path: Path) -> None:
    enrol(store, "Ann", ANN, "one", "two")
    enrol(store, "Bob", BOB, "one", "two")
    with following(store, tmp_path, Opened(), Clock()) as follower:
        models = follower.begin("one")
        earlier = weakref.ref(models.replica)
        store.serve("two", "two-1")
        follower.step()
        assert [force.served.model_id for force in models.used()] == ["one-1", "two-1"]
        watch, events = run(models, [])
        follower.step()
        assert [force.served.model_id for force in models.used()] == ["two-1"]
        watch.matched.clear()
        gc.collect()
        assert earlier() is None
    assert {event.embedder for event in events} == {"two-1"}


def test_what_cannot_be_opened_is_told_once_and_tried_again(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    enrol(store, "Ann", ANN, "one", "two")
    opens, clock = Opened({"two"}), Clock()
    with following(store, tmp_path, opens, clock) as follower:
        models = follower.begin("one")
        store.serve("two", "two-1")
        for _ in range(3):
            follower.step()
            clock.now_s += FIRST_RETRY_S
        assert models.force.served.eye.model == "one"
        assert follower.problem is not None
        assert (
            "two serves the gallery and cannot be opened: two has no memory; one goes on" in follower.problem
        )
        told = [one for one in caplog.messages if "no memory" in one]
        assert len(told) == 1
        opens.broken.clear()
        clock.now_s += 1000.0
        follower.step()
        assert follower.problem is None
        assert models.force.served.eye.model == "two"


def test_a_model_of_another_id_than_the_gallery_was_switched_to_is_not_taken(
    store: Store, tmp_path: Path
) -> None:
    with following(store, tmp_path, Opened(), Clock()) as follower:
        models = follower.begin("one")
        store.serve("two", "two-of-another-machine")
        follower.step()
        assert models.force.served.eye.model == "one"
        assert follower.problem is not None
        assert "here it is two-1" in follower.problem
        store.serve("one", "one-1")
        follower.step()
        assert follower.problem is None


def test_a_switch_between_the_start_and_the_first_look_is_not_missed(store: Store, tmp_path: Path) -> None:
    """Engines are opened for seconds before a run looks at its gallery."""
    with following(store, tmp_path, Opened(), Clock()) as follower:
        store.serve("two", "two-1")
        models = follower.begin("one")
        follower.step()
        assert models.force.served.eye.model == "two"


def test_a_backup_from_before_any_switch_brings_its_model_back(store: Store, tmp_path: Path) -> None:
    enrol(store, "Ann", ANN, "one")
    file = tmp_path / "before.backup"
    backup(store.database, tmp_path, file, rows.now())
    enrol(store, "Ann", ANN, "two")
    store.serve("two", "two-1")
    with following(store, tmp_path, Opened(), Clock()) as follower:
        models = follower.begin("two")
        restore(store.database, tmp_path, file, rows.now(), replace=True)
        follower.step()
        served = models.force.served
        assert (served.eye.model, served.since, follower.problem) == ("one", None, None)


def test_another_switch_waits_for_frames_of_the_model_before(store: Store, tmp_path: Path) -> None:
    """Two galleries of one model would be at work, and a frame between would find neither."""
    enrol(store, "Ann", ANN, "one", "two")
    enrol(store, "Bob", BOB, "one", "two")
    with following(store, tmp_path, Opened(), Clock()) as follower:
        models = follower.begin("one")
        for model in ("two", "one"):
            store.serve(model, f"{model}-1")
            follower.step()
        assert [force.served.model_id for force in models.used()] == ["one-1", "two-1"]
        watch, _ = run(models, [])
        follower.step()
        assert [force.served.model_id for force in models.used()] == ["two-1", "one-1"]
        assert {item.gallery.model_id for item in watch.matched} == {"two-1"}


def test_a_configured_model_stays_whatever_the_gallery_says(store: Store, tmp_path: Path) -> None:
    with following(store, tmp_path, Opened(), Clock(), follow=False) as follower:
        models = follower.begin("one")
        store.serve("two", "two-1")
        follower.step()
        assert (models.force.served.eye.model, follower.problem) == ("one", None)
