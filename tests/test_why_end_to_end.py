"""Why faces get no name, through the whole pipeline: kept with each sighting, counted, and the same in each replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.schema import Config
from pipeline.assemble.explaining import account_kept
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import Run, RunPlan, build_run
from pipeline.assemble.strangers import strangers_of_replay
from pipeline.capture.synthetic import Actor, SyntheticScene, SyntheticSource
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.events.why.account import Account
from pipeline.events.why.funnel import FunnelCounts
from pipeline.events.why.shortfall import Reason
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.storage.store import Store
from tests.colour_people import ColourDetector, colour_recognition
from tests.gallery.people import template

RED, GREEN, BLUE = (220, 40, 40), (40, 220, 40), (40, 40, 220)
CONFIG = Config.model_validate(
    {"detection": {"rate_hz": 6.25, "min_face_px": 20}, "matching": {"index": "exact"}}
)
MAX_DISTANCE = 0.85
SCENE = SyntheticScene(
    (Actor(RED, (0, 60, 60, 130), (20, 0), 0.0, 2.0), Actor(BLUE, (200, 60, 260, 130), (0, 0), 0.2, 2.4)),
    frames=60,
    rate_hz=12.5,
)


@pytest.fixture
def recognition() -> Recognition:
    return colour_recognition(ColourDetector((RED, GREEN, BLUE)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def replay(recognition: Recognition, store: Store, funnel: FunnelCounts) -> tuple[Run, dict[str, Account]]:
    """Play the scene; the run, and the account of each sighting that was kept."""
    sink, source = MemorySink(), SyntheticSource(SCENE, "door")
    runs = {"door": source.open().recording_id}
    gallery = PinnedGallery(Replica.load(store, "painted", ExactIndex(64)), MAX_DISTANCE)
    strangers = strangers_of_replay(
        CONFIG, store, recognition, lambda _: MAX_DISTANCE, [RunOfCamera("door", runs["door"])]
    )
    plan = RunPlan(Mode.REPLAY, runs, True, [sink], [funnel], strangers=strangers.ids)
    run = build_run(CONFIG, recognition, gallery, plan)
    with run.supervisor as supervisor:
        supervisor.start([source])
        assert supervisor.wait().complete
    strangers.put_in_place(store)
    accounts = {each: account_kept(store.database, each) for each in {e.sighting_id for e in sink.events}}
    return run, {key: found for key, found in accounts.items() if found is not None}


def reasons(accounts: dict[str, Account]) -> set[Reason | None]:
    found = set()
    for account in accounts.values():
        assert account.explanation is not None
        short = account.explanation.shortfall
        found.add(None if short is None else short.reason)
    return found


def test_each_sighting_is_kept_with_its_reason_and_each_replay_keeps_the_same(
    recognition: Recognition, store: Store
) -> None:
    funnel = FunnelCounts()
    run, first = replay(recognition, store, funnel)
    assert len(first) == 2
    assert reasons(first) == {Reason.EMPTY_GALLERY}
    (door,) = funnel.funnels().values()
    assert [(each.reason, each.sightings) for each in door.unnamed] == [(Reason.EMPTY_GALLERY, 2)]
    assert door.sizes.total == door.faces == 2
    for sighting_id, account in first.items():
        assert account.over
        assert account.explanation is not None
        facts = account.explanation.facts
        assert facts.looks > 8
        assert facts.shots >= 3
        assert facts.best is not None
        assert facts.best.shorter_px == pytest.approx(60.0, abs=8.0)
        assert run.state_of(sighting_id) is None
    _, second = replay(recognition, store, FunnelCounts())
    assert second == first


def test_people_of_another_model_cannot_be_compared_with(recognition: Recognition, store: Store) -> None:
    store.enroll("Ann", [template(1)])
    _, accounts = replay(recognition, store, FunnelCounts())
    assert reasons(accounts) == {Reason.NOT_COMPARABLE}
