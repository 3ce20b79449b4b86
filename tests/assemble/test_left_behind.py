"""Runs with people whom an older model alone knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.assemble.gallery import open_store
from pipeline.assemble.model_following import LONGEST_RETRY_S, MOST_AT_WORK
from pipeline.assemble.run import RunPlan, build_run
from pipeline.capture.synthetic import SyntheticSource
from pipeline.events.encode import encode
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.storage.store import Store
from tests.assemble.changing_models import (
    ANN,
    BOB,
    CONFIG,
    SCENE,
    Clock,
    Opened,
    check,
    enrol,
    following,
    run,
    template,
    wait_until,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(CONFIG, tmp_path) as opened:
        yield opened


def test_people_left_behind_are_named_all_along_and_the_older_engine_is_closed_when_nobody_is(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    enrol(store, "Ann", ANN, "one")
    enrol(store, "Bob", BOB, "one", "two")
    opens, clock = Opened(), Clock()
    with following(store, tmp_path, opens, clock) as follower:
        models = follower.begin("one")

        def switch() -> None:
            store.serve("two", "two-1")
            follower.step()

        def meet_again() -> None:
            enrol(store, "Ann", ANN, "two")
            clock.now_s += 1000.0
            follower.step()

        watch, events = run(models, [(80, switch), (300, meet_again)])
        assert wait_until(lambda: models.replica.view.people == 2)
        follower.step()
        assert models.force.behind is None
        assert opens.closed == ["one"]
    check(watch, events)
    older = [item.older is not None for item in watch.embedded]
    assert any(older)
    assert not older[0]
    assert not older[-1]
    assert any("1 person is left behind under one" in line for line in caplog.messages)
    assert opens.opened == ["one", "two"]  # the engine that served before goes on as the older one


def test_people_of_models_that_are_not_here_are_told_of(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    eye = Opened()("one")
    gone = replace(template(eye, ANN), model_id="of-long-ago")
    store.enroll("Ann", [gone])
    with following(store, tmp_path, Opened(), Clock()) as follower:
        assert follower.begin("one").force.behind is None
    assert any("found by nothing: 1 person" in line and "Ann" in line for line in caplog.messages)


def test_a_plain_replay_repeats_itself_with_and_without_people_left_behind(
    store: Store, tmp_path: Path
) -> None:
    enrol(store, "Ann", ANN, "one", "two")
    enrol(store, "Bob", BOB, "one")

    def replayed(model: str) -> list[str]:
        sink, source = MemorySink(), SyntheticSource(SCENE, "c0")
        runs = {"c0": source.open().recording_id}
        with following(store, tmp_path, Opened(), Clock()) as follower:
            models = follower.begin(model)
            plan = RunPlan(Mode.REPLAY, runs, True, [sink], models=models)
            with build_run(
                CONFIG, models.force.served.eye.recognition, models, plan
            ).supervisor as supervisor:
                supervisor.start([source])
                assert supervisor.wait().complete
        return [encode(event) for event in sink.events]

    for model in ("one", "two"):  # with `two`, Bob is left behind
        first = replayed(model)
        assert first == replayed(model)
        assert all(f'"{name}"' in "".join(first) for name in ("Ann", "Bob"))


def test_an_older_model_that_could_not_be_opened_is_tried_again(store: Store, tmp_path: Path) -> None:
    """Nothing happens to the gallery by which it would be looked at again."""
    enrol(store, "Ann", ANN, "one")
    opens, clock = Opened({"one"}), Clock()
    with following(store, tmp_path, opens, clock, first="two") as follower:
        models = follower.begin("two")
        assert models.force.behind is None
        opens.broken.clear()
        follower.step()
        assert models.force.behind is None
        clock.now_s += LONGEST_RETRY_S
        follower.step()
        assert models.force.behind is not None


def test_looks_while_no_frame_comes_do_not_pile_up(store: Store, tmp_path: Path) -> None:
    """Each holds vectors of its own until a frame is searched with a later one."""
    enrol(store, "Ann", ANN, "one")
    clock = Clock()
    with following(store, tmp_path, Opened(), clock, first="two") as follower:
        models = follower.begin("two")
        for shot in range(2 * MOST_AT_WORK):
            enrol(store, f"P{shot}", (10, 10, 10 * shot), "one")
            clock.now_s += 1000.0
            follower.step()
        assert len(models.used()) == MOST_AT_WORK + 1
        run(models, [])
        follower.step()
        assert models.force.behind is not None
        assert models.force.behind.people == 2 * MOST_AT_WORK + 1
