"""A replay in real time while another program changes the gallery: later events show it."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from config.schema import Config
from pipeline.assemble.gallery import open_gallery, open_store
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.capture.synthetic import Actor, Colour, SyntheticScene, SyntheticSource
from pipeline.clock import ManualClock
from pipeline.events.event import EventType, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.memory.following import FollowedGallery
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from tests.colour_people import CROP_PX, ColourDetector, colour_recognition

ANN, BOB, CLEO = (220, 40, 40), (40, 220, 40), (40, 40, 220)
CONFIG = Config.model_validate(
    {"detection": {"rate_hz": 12.5, "min_face_px": 20}, "sightings": {"gap_s": 1.0}}
)
SCENE = SyntheticScene(
    tuple(
        Actor(colour, (x, 60, x + 60, 130), (0, 0), begins, begins + 2.0)
        for begins in (0.0, 6.0)
        for colour, x in ((ANN, 10), (BOB, 110), (CLEO, 210))
    ),
    frames=200,
)
"""Three people for two seconds, nobody for four, and the three again"""
CHANGED_AT_S = 4.0
SHOWS_S = 20.0


class StandingClock(ManualClock):
    """Nobody waits by it but the camera. It stands at a moment until something has been done."""

    def __init__(self, at_s: float, do: Callable[[], None]) -> None:
        super().__init__()
        self._at_s = at_s
        self._do = do
        self._done = False

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if not self._done and self.monotonic_s() >= self._at_s:
            self._done = True
            self._do()
        return super().wait(event, timeout_s)


def template(recognition: Recognition, colour: Colour) -> NewTemplate:
    crop = np.full((1, CROP_PX, CROP_PX, 3), colour, np.uint8)
    vector = recognition.networks.embedder.embed(crop)[0]
    return NewTemplate("painted", vector, 0.9, "painted", "0" * 64)


def change_the_gallery(data: Path, new: NewTemplate, orders: Connection) -> None:
    """The other program: forgets Ann, renames Bob and enrols Cleo when it is asked to; answers with the version."""
    with Store(data) as store:
        orders.send(store.version())
        orders.recv()
        store.forget(store.find("Ann").id)
        store.rename(store.find("Bob").id, "Robert")
        store.enroll("Cleo", [new])
        orders.send(store.version())


def test_what_another_program_writes_shows_in_later_events(tmp_path: Path) -> None:
    recognition = colour_recognition(ColourDetector((ANN, BOB, CLEO)))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    sink = MemorySink()
    with open_store(CONFIG, tmp_path) as store:
        for name, colour in (("Ann", ANN), ("Bob", BOB)):
            store.enroll(name, [template(recognition, colour)])
        other = context.Process(
            target=change_the_gallery, args=(tmp_path, template(recognition, CLEO), theirs)
        )
        other.start()
        assert ours.recv() == 2
        with open_gallery(CONFIG, store, recognition, tmp_path, lambda own: 0.85, follow=True) as gallery:
            assert isinstance(gallery, FollowedGallery)
            shown: list[bool] = []

            def change() -> None:
                ours.send("now")
                shown.append(gallery.wait_for(ours.recv(), SHOWS_S))

            source = SyntheticSource(SCENE, "door", realtime=True, clock=StandingClock(CHANGED_AT_S, change))
            plan = RunPlan(Mode.REPLAY, {"door": source.open().recording_id}, False, [sink])
            with build_run(CONFIG, recognition, gallery, plan).supervisor as supervisor:
                supervisor.start([source])
                assert supervisor.wait().complete
        other.join()
    assert shown == [True]
    begun = [event for event in sink.events if event.type is EventType.NEW]
    told = [(event.frame.pts_s > CHANGED_AT_S, event.identity and event.identity.name) for event in begun]
    assert sorted(told, key=str) == [
        (False, "Ann"),
        (False, "Bob"),
        (False, None),
        (True, "Cleo"),
        (True, "Robert"),
        (True, None),
    ]
    versions = {event.gallery_version for event in begun if event.frame.pts_s > CHANGED_AT_S}
    assert versions == {store_version(tmp_path)}


def store_version(data: Path) -> int:
    with Store(data) as store:
        return store.version()
